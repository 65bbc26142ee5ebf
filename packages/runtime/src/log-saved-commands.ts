import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { RedisPipelineEvent } from '@holdfast/redis-core';
import type { Logger } from '@holdfast/telemetry';

type Sums = Pick<RedisPipelineEvent, 'operations' | 'commands' | 'saved' | 'failed'>;

const INTERVAL_MS = 5 * 60_000;
const NONE: Sums = { operations: 0, commands: 0, saved: 0, failed: 0 };

/**
 * Logs every five minutes, and at the end, how many commands were saved by sending operations together, for each connection that
 * did so. A process that saves nothing logs nothing. `holdfast_redis_commands_saved_total` counts the same.
 *
 * @returns what ends that
 */
export function logSavedCommands(logger: Logger): () => void {
  const sums = new Map<string, Sums>();
  const onPipeline = (message: unknown): void => {
    const { connection, operations, commands, saved, failed } = message as RedisPipelineEvent;
    const before = sums.get(connection) ?? NONE;
    sums.set(connection, {
      operations: before.operations + operations,
      commands: before.commands + commands,
      saved: before.saved + saved,
      failed: before.failed + failed,
    });
  };
  const tell = (): void => {
    for (const [connection, figures] of sums)
      logger.info({ connection, ...figures }, 'operations shared Redis commands');
    sums.clear();
  };
  subscribe('holdfast:redis:pipeline', onPipeline);
  const timer = setInterval(tell, INTERVAL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    unsubscribe('holdfast:redis:pipeline', onPipeline);
    tell();
  };
}
