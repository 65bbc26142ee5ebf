import { subscribe, unsubscribe, type ChannelListener } from 'node:diagnostics_channel';
import type { QueueChannels } from '@holdfast/queue';
import type { RedisChannels } from '@holdfast/redis-core';
import type { Logger } from '@holdfast/telemetry';

type Channels = RedisChannels & QueueChannels;
type Listeners = { readonly [Name in keyof Channels]?: (event: Channels[Name]) => void };

/**
 * At `debug`: each Redis command with how long it took and what came of it, those of BullMQ included, and what was saved
 * where one command did the work of several. Names and figures only: keys, fields and values are user data. At `info`
 * it listens to nothing, and costs nothing.
 *
 * @returns what ends that
 */
export function logRedisWork(logger: Logger): () => void {
  if (!logger.isLevelEnabled('debug')) return () => undefined;
  const listeners: Listeners = {
    'holdfast:redis:command': ({ engine, connection, command, durationMs, outcome }) => {
      if (engine === 'memory') return;
      logger.debug({ connection, command, durationMs: rounded(durationMs), outcome }, 'Redis command');
    },
    'holdfast:queue:command': ({ queue, part, command, durationMs, outcome }) => {
      logger.debug({ queue, part, command, durationMs: rounded(durationMs), outcome }, 'Redis command');
    },
    'holdfast:redis:pipeline': ({ connection, operations, commands, saved, failed, durationMs }) => {
      const figures = { operations, commands, saved, failed, durationMs: rounded(durationMs) };
      logger.debug({ connection, ...figures }, 'operations sent together');
    },
    'holdfast:queue:batch': ({ queue, jobs }) => {
      if (jobs > 1) logger.debug({ queue, jobs, commands: 1, saved: jobs - 1 }, 'jobs added together');
    },
    'holdfast:queue:coalesced': ({ queue, calls, items }) => {
      logger.debug({ queue, calls, items, jobs: 1, saved: calls - 1 }, 'items gathered into a job');
    },
  };
  const added = Object.entries(listeners).map(([name, listener]) => {
    const onMessage: ChannelListener = (event) => (listener as (event: unknown) => void)(event);
    subscribe(name, onMessage);
    return () => unsubscribe(name, onMessage);
  });
  return () => {
    for (const remove of added) remove();
  };
}

/** To microseconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
