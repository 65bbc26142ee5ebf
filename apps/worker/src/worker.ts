import type { HoldfastConfig } from '@holdfast/modules';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Consumer,
  consumerProfiles,
  Permits,
  RetentionSweeper,
  type ConsumerStatus,
  type MayBlock,
} from '@holdfast/queue';
import type { Runtime } from '@holdfast/runtime';
import type { Logger } from '@holdfast/telemetry';
import { loadHandlers } from './load-handlers.ts';
import { Watchdog } from './watchdog.ts';

export interface WorkerDependencies {
  readonly config: HoldfastConfig;
  readonly runtime: Pick<Runtime, 'modules' | 'parts'>;
  readonly logger: Logger;
  /** Default: what fits the profile of the worker. */
  readonly stuckAfterMs?: number;
  /** Told of each run that may keep the event loop. Default: nobody is. */
  readonly mayBlock?: MayBlock;
  /** See `ConsumerOptions`. Default: nobody is told at once. */
  readonly onStuckLoop?: URL;
}

export interface WorkerRuntime {
  /** Begins to take jobs and installs the schedules, as soon as the queue's store can be reached. Does not wait. */
  start(): Promise<void>;
  /** How many jobs it runs at once at most, over all its queues. */
  readonly maxActiveJobs: number;
  /** One entry a queue. */
  status(): Readonly<Record<string, ConsumerStatus>>;
  /** The queues whose jobs wait although this worker could run them: only a restart helps. */
  stuck(): readonly string[];
  /** Takes no more jobs and lets those that run end; never takes longer than `timeoutMs`. */
  close(options: { readonly timeoutMs: number }): Promise<void>;
}

/**
 * Consumers for all queues, or for those in WORKER_QUEUES, with the handlers of the modules. It owns neither the runtime nor
 * the logger.
 * @throws StartError when two modules handle one queue, or one handles a queue that there is not
 * @throws OwnQueuesError when the files of handlers that `handlers` of holdfast.yaml names cannot be used
 */
export async function buildWorker({
  config,
  runtime,
  logger,
  stuckAfterMs,
  mayBlock,
  onStuckLoop,
}: WorkerDependencies): Promise<WorkerRuntime> {
  const { backend, queues } = runtime.parts.queues;
  const handlers = await loadHandlers(runtime, { disabled: config.queues.disabled, logger });
  const tuning = consumerProfiles[config.profile];
  const permits = new Permits(config.worker.maxConcurrentJobs);
  const consumers = new Map<string, Consumer>();
  for (const [name, handler] of handlers.byQueue) {
    if (config.queues.served?.includes(name) === false) continue;
    const definition = queues.definition(name);
    const concurrency = Math.min(definition.concurrency, config.worker.maxConcurrentJobs);
    consumers.set(
      name,
      new Consumer({
        backend,
        definition,
        handler,
        concurrency,
        permits,
        tuning,
        onGivenUp: handlers.onGivenUp,
        ...(mayBlock !== undefined && { mayBlock }),
        ...(onStuckLoop !== undefined && { onStuckLoop }),
      }),
    );
  }
  const sweeper = new RetentionSweeper({
    backend,
    definitions: [...consumers.keys()].map((name) => queues.definition(name)),
    intervalMs: config.profile === 'low-cost' ? 300_000 : 60_000,
  });
  const status = (): Record<string, ConsumerStatus> =>
    Object.fromEntries([...consumers].map(([name, consumer]) => [name, consumer.status()]));
  const watchdog = new Watchdog({
    status,
    summary: async (queue) => queues.summary(queue),
    // A worker asks at the end of each block, and at the latest every 30 s while its queue is rate limited.
    stuckAfterMs: stuckAfterMs ?? 30_000 + 2000 * tuning.blockSeconds,
    logger,
  });

  return {
    async start() {
      watchdog.start();
      for (const consumer of consumers.values()) await consumer.start();
      handlers.start({ consumes: (queue) => consumers.has(queue) });
      sweeper.start();
    },
    maxActiveJobs: config.worker.maxConcurrentJobs,
    status,
    stuck: () => watchdog.stuck,
    async close({ timeoutMs }) {
      watchdog.stop();
      // An installation that hangs on a frozen store must not hold the end; it is repeated at the next start.
      const patience = new AbortController();
      const scheduled = Promise.race([
        Promise.all([handlers.stop(), sweeper.close()]),
        sleep(timeoutMs, undefined, { signal: patience.signal }).catch(() => undefined),
      ]);
      await Promise.all([scheduled, ...[...consumers.values()].map((consumer) => consumer.close({ timeoutMs }))]);
      patience.abort();
      await handlers.close();
    },
  };
}
