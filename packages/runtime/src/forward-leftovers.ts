import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HoldfastConfig } from '@holdfast/modules';
import type { JobView, QueueChannels } from '@holdfast/queue';
import { UnavailableError } from '@holdfast/redis-core';
import { modules } from '@holdfast/modules';
import { createRuntime, type Runtime } from './create-runtime.ts';
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
  /** Files that were damaged, and lie in the folder under these names. Nothing of them was forwarded. */
  readonly putAside: readonly string[];
  /** Why Redis could not be used, where something still waits for it and that is the reason. */
  readonly away?: string;
}

/**
 * Hands over to Redis what a process that does not come back had kept for it: the jobs of its outbox, and what Redis has
 * to forget. Where nothing is left then, Redis forgets the folder. May be interrupted and repeated.
 *
 * @throws UnavailableError when a process still uses the folder, or it cannot be used, which says why; and when the configuration has no outbox
 */
export async function forwardLeftovers(config: HoldfastConfig, options: ForwardOptions): Promise<ForwardReport> {
  const { directory, timeoutMs, setAside = 'keep' } = options;
  // From the first one on: forwarding begins while the runtime is made.
  const departed = countDeparted();
  let runtime: Runtime | undefined;
  try {
    runtime = await createRuntime({ ...config, dataDir: directory }, { modules, usesFallback: true });
    const { caches } = runtime.parts.cache;
    const { outbox } = runtime.parts.queues.queues;
    const { folder } = runtime;
    if (outbox === undefined || folder === undefined) {
      throw new UnavailableError('This configuration has no outbox: it needs a Redis for the queues, and fallback.');
    }
    if (folder.own === undefined) {
      const { state, reason = state } = folder.status;
      throw new UnavailableError(`The folder ${directory} cannot be used: ${reason}.`);
    }
    if (setAside === 'retry') await outbox.retrySetAside();
    if (setAside === 'discard') await outbox.discardSetAside();
    const isDone = (): boolean => outbox.status.waiting === 0 && !caches.isOnFallback;
    const deadline = Date.now() + timeoutMs;
    while (!isDone() && Date.now() < deadline) await sleep(20);
    // Asked before anything is closed, which is no reason.
    const away = isDone() ? undefined : missingRedis(runtime);
    const { waiting } = outbox.status;
    return {
      forwarded: departed.count,
      waiting,
      setAside: await outbox.setAside(),
      invalidated: !caches.isOnFallback,
      putAside: folder.putAside,
      ...(away !== undefined && { away }),
    };
  } finally {
    departed.stop();
    await runtime?.close();
  }
}

/** Counts the jobs that the store has now, whoever put them there. */
function countDeparted(): { readonly count: number; stop(): void } {
  const channel = 'holdfast:queue:outbox' satisfies keyof QueueChannels;
  let count = 0;
  const onEvent = (message: unknown): void => {
    const { event, count: jobs } = message as QueueChannels[typeof channel];
    if (event === 'forwarded' || event === 'known') count += jobs;
  };
  subscribe(channel, onEvent);
  return {
    get count() {
      return count;
    },
    stop: () => void unsubscribe(channel, onEvent),
  };
}
