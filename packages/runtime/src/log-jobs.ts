import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { QueueJobEvent } from '@holdfast/queue';
import type { Logger } from '@holdfast/telemetry';

/**
 * At `debug`: what becomes of each job that this process adds or runs, with its id and how long it took, never what is in it.
 * Above that it listens to nothing, and costs nothing.
 *
 * @returns what ends that
 */
export function logJobs(logger: Logger): () => void {
  if (!logger.isLevelEnabled('debug')) return () => undefined;
  const onJob = (message: unknown): void => {
    const { queue, job, event, durationMs, waitMs, attempts } = message as QueueJobEvent;
    logger.debug({ queue, job, event, durationMs, waitMs, attempts }, 'job');
  };
  subscribe('holdfast:queue:job', onJob);
  return () => unsubscribe('holdfast:queue:job', onJob);
}
