import { setTimeout as sleep } from 'node:timers/promises';
import type { HoldfastConfig } from '@holdfast/modules';
import type { JobView } from '@holdfast/queue';
import { UnavailableError } from '@holdfast/redis-core';
import { modules } from '@holdfast/modules';
import { createRuntime } from './create-runtime.ts';
import { missingRedis } from './require-redis.ts';

export interface ForwardOptions {
  /** A data folder whose process is gone for good. */
  readonly directory: string;
  readonly timeoutMs: number;
  /** What becomes of jobs that are set aside: they stay (default), are tried again, or are forgotten. */
  readonly setAside?: 'keep' | 'retry' | 'discard';
}

export interface ForwardReport {
  readonly forwarded: number;
  /** Jobs that are still there because Redis was not, or not for long enough. */
  readonly waiting: number;
  readonly setAside: readonly JobView[];
  /** Whether Redis has been told what the caches had written meanwhile. */
  readonly invalidated: boolean;
  /** Why Redis could not be used, where something still waits for it and that is the reason. */
  readonly away?: string;
}

/**
 * Hands over to Redis what a process that does not come back had kept for it: the jobs of its outbox, and what Redis has
 * to forget. May be interrupted and repeated.
 *
 * @throws JournalError, OutboxError when a process still uses the folder
 * @throws UnavailableError when the configuration has no outbox
 */
export async function forwardLeftovers(config: HoldfastConfig, options: ForwardOptions): Promise<ForwardReport> {
  const { directory, timeoutMs, setAside = 'keep' } = options;
  const runtime = await createRuntime({ ...config, dataDir: directory }, { modules, usesFallback: true });
  try {
    const { caches } = runtime.parts.cache;
    const { outbox } = runtime.parts.queues.queues;
    if (outbox === undefined) {
      throw new UnavailableError('This configuration has no outbox: it needs a Redis for the queues, and fallback.');
    }
    const before = outbox.status;
    if (setAside === 'retry') outbox.retrySetAside();
    const dropped = setAside === 'discard' ? outbox.discardSetAside() : 0;
    const isDone = (): boolean => outbox.status.waiting === 0 && !caches.isOnFallback;
    const deadline = Date.now() + timeoutMs;
    while (!isDone() && Date.now() < deadline) await sleep(20);
    // Asked before anything is closed, which is no reason.
    const away = isDone() ? undefined : missingRedis(runtime);
    const { waiting, setAside: aside } = outbox.status;
    return {
      forwarded: before.waiting + before.setAside - dropped - waiting - aside,
      waiting,
      setAside: outbox.setAside(),
      invalidated: !caches.isOnFallback,
      ...(away !== undefined && { away }),
    };
  } finally {
    await runtime.close();
  }
}
