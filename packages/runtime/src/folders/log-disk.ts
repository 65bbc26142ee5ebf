import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { DiskStatusEvent, RedisChannels } from '@holdfast/redis-core';
import type { Logger } from '@holdfast/telemetry';

const channel = 'holdfast:disk:status' satisfies keyof RedisChannels;

/**
 * Logs what the disk of a data folder cannot do, once for each reason, and that it can again: both as errors, so that
 * whoever is told of the one is told of the other.
 *
 * @param now milliseconds; for tests
 * @returns what ends that
 */
export function logDisk(logger: Logger, now: () => number = Date.now): () => void {
  const since = new Map<string, number>();
  const onStatus = (message: unknown): void => {
    const { directory, state, reason } = message as DiskStatusEvent;
    const began = since.get(directory);
    if (state !== 'well') {
      since.set(directory, began ?? now());
      logger.error({ directory, state, reason }, 'the data folder cannot be used: what has to be on disk is refused');
    } else if (began !== undefined) {
      since.delete(directory);
      logger.error({ directory, awayMs: Math.round(now() - began) }, 'the data folder can be used again');
    }
  };
  subscribe(channel, onStatus);
  return () => unsubscribe(channel, onStatus);
}
