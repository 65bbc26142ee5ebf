import type { Job } from 'bullmq';
import { setTimeout as delay } from 'node:timers/promises';
import type { JobWorker } from '../port/job-worker.ts';
import { publishEvent, type QueueJobEvent } from '../job/channels.ts';
import { asError } from './failure.ts';
import { backoffStrategy, JobRunner, leasedJob } from './job-runner.ts';
import { Leases } from './leases.ts';
import { Permits } from './permits.ts';
import { beatThread } from './beat-thread.ts';
import { enterPresence, type WorkerPresence } from './presence.ts';
import { StartLimit } from './start-limit.ts';
import { ThreadPool } from './thread-pool.ts';
import {
  consumerProfiles,
  defaultMaxCrashes,
  lockDurationMs,
  lockRenewMs,
  maxStalledCount,
} from '../port/consumer-tuning.ts';
import type { QueueBeatReply } from '../port/beat.ts';
import type { WorkerRegistry } from '../port/worker-registry.ts';
import type { QueueDefinition } from '../job/define-queue.ts';
import { JobInterruptedError } from '../job/errors.ts';
import type { Handler, MayBlock } from './handler.ts';
import type { QueueBackend } from '../port/backend.ts';
import { checkConsumerOptions, type ConsumerOptions } from './consumer-options.ts';
import { storableResult } from '../job/storable.ts';
import { nextRun } from '../job/next-run.ts';

export interface ConsumerStatus {
  readonly running: boolean;
  /** Jobs that run now. */
  readonly active: number;
  /** How many may run at once. */
  readonly slots: number;
  /** When a job last started, reported progress or ended; `null` before the first. Milliseconds since the epoch. */
  readonly lastProgressAt: number | null;
  /** When it last asked for a job; `null` before the first time. Milliseconds since the epoch. */
  readonly lastFetchAt: number | null;
  /** Whether it would take another job now: it has room, and is not held back by the limit over all queues. */
  readonly canFetch: boolean;
}

/** What is kept back of the closing time for jobs to end after they were told to. */
const interruptMs = 500;
/** How long the end of a worker without jobs may take. */
const idleMs = 1000;
/** What is kept back to say that this worker is gone. */
const leaveMs = 250;

/** Runs the jobs of one queue. At least once: a job may run again, under the same `idempotencyKey`. */
export class Consumer<Definition extends QueueDefinition = QueueDefinition> {
  readonly #definition: QueueDefinition;
  readonly #slots: number;
  readonly #worker: JobWorker;
  readonly #registry: WorkerRegistry;
  readonly #backend: QueueBackend;
  readonly #presence: WorkerPresence;
  readonly #onStuckLoop: URL | undefined;
  readonly #threads: ThreadPool | undefined;
  readonly #leases: Leases;
  #lastProgressAt: number | null = null;
  #loop: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /** Connects in the background; takes no job before `start`. @throws OptionInvalidError naming the option that is not allowed */
  constructor(options: ConsumerOptions<Definition>) {
    checkConsumerOptions(options);
    const { backend, definition, tuning = consumerProfiles.default } = options;
    this.#definition = definition;
    this.#backend = backend;
    this.#onStuckLoop = options.onStuckLoop;
    this.#slots = options.concurrency ?? definition.concurrency;
    this.#registry = backend.registry(definition.name);
    const onProgress = (): void => void (this.#lastProgressAt = Date.now());
    const onError = (error: Error): void => this.#report(error);
    let handler: Handler;
    if (typeof options.handler === 'function') {
      ({ handler } = options);
    } else {
      this.#threads = new ThreadPool(options.handler);
      ({ handler } = this.#threads);
    }
    const maxCrashes = definition.maxCrashes ?? defaultMaxCrashes;
    this.#leases = new Leases({
      queue: definition.name,
      timeoutMs: definition.timeoutMs,
      maxCrashes,
      store: this.#registry,
      onGivenUp: options.onGivenUp,
      // A thread leaves the event loop alone.
      mayBlock: this.#threads === undefined ? mayBlockLoop(options.mayBlock) : undefined,
      onProgress,
      onError,
    });
    const { rateLimit } = definition;
    const startLimit =
      rateLimit === undefined ? undefined : new StartLimit({ limit: rateLimit, registry: this.#registry, onError });
    const runner = new JobRunner({
      queue: definition.name,
      handler,
      leases: this.#leases,
      backend: () => this.#worker.getBackend(),
      handBack: async (job, token, delayMs) => this.#worker.handBack(job, token, delayMs),
      beforeStart:
        startLimit &&
        (async ({ processedOn = 0 }, token, signal) =>
          startLimit.begin(processedOn, this.#worker.msSinceFetch(token), signal)),
      storable: backend.kind === 'embedded' ? storableResult : undefined,
      onProgress,
      onError,
    });
    this.#presence = enterPresence(backend, definition.name, tuning.presence);
    this.#worker = backend.createWorker(
      definition.name,
      async (job, token) => runner.run(job, token ?? ''),
      {
        concurrency: this.#slots,
        lockDuration: lockDurationMs,
        lockRenewTime: lockRenewMs,
        stalledInterval: tuning.stalledIntervalMs,
        maxStalledCount,
        drainDelay: tuning.blockSeconds,
        // How long a worker waits before it tries again to hand in a result while its store is away.
        runRetryDelay: 1000,
        settings: { backoffStrategy, repeatStrategy: nextRun },
      },
      {
        workerId: this.#presence.workerId,
        ...(startLimit !== undefined && { rateLimit: startLimit.counted }),
        permits: options.permits ?? new Permits(),
        beforeFetch: async () => this.#presence.registered,
        onCancelled: (job) => this.#leases.heardOfCancel(job, () => this.#presence.hurry()),
        onLockMissing: () => this.#presence.hurry(),
        onReconnected: () => {
          this.#presence.lookAround();
          this.#worker.handInAgain();
        },
        mayRescueStalled: () => this.#presence.isSteady(),
        claim: async ({ id, token }) => this.#registry.claim(id, token, maxCrashes),
      },
    );
    this.#worker.on('error', onError);
    this.#worker.on('stalled', () => this.#publish('stalled'));
    this.#worker.on('failed', (job) => this.#onFailed(job));
  }

  /** Begins to take jobs, or does so as soon as the store can be reached. Does not wait for that. */
  async start(): Promise<void> {
    if (this.#loop !== undefined || this.#closing !== undefined) return;
    const { name } = this.#definition;
    this.#presence.begin({
      queue: name,
      prefix: this.#backend.prefixOf(name),
      crashLimit: this.#definition.maxCrashes ?? defaultMaxCrashes,
      held: () => this.#worker.held(),
      giveBack: async ({ id, token }) => this.#registry.giveBack(id, token),
      onReply: (reply) => this.#onBeat(reply),
      onError: (error) => this.#report(error),
    });
    if (this.#onStuckLoop !== undefined) beatThread.tell(this.#onStuckLoop.href);
    this.#loop = this.#worker.run().catch((error: unknown) => this.#report(asError(error)));
  }

  status(): ConsumerStatus {
    const running = this.#loop !== undefined && this.#closing === undefined && this.#worker.isRunning();
    const { lastFetchAt, canFetch } = this.#worker;
    return {
      running,
      active: this.#leases.size,
      slots: this.#slots,
      lastProgressAt: this.#lastProgressAt,
      lastFetchAt,
      canFetch,
    };
  }

  /**
   * Takes no more jobs and lets those that run end. What has not ended shortly before `timeoutMs` is told so through
   * its signal; what has not ended then is left, and runs again elsewhere. Never takes longer than `timeoutMs`.
   */
  async close({ timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    await this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    const started = Date.now();
    const left = (): number => Math.max(0, timeoutMs - leaveMs - (Date.now() - started));
    const report = (error: unknown): void => this.#report(asError(error));
    await this.#drain(left);
    // The presence ends last: until here the jobs were this worker's.
    await within(Promise.all([this.#presence.leave(), this.#threads?.close()]).catch(report), left() + leaveMs);
  }

  async #drain(left: () => number): Promise<void> {
    const report = (error: unknown): void => this.#report(asError(error));
    const drained = this.#worker.close().catch(report);
    // BullMQ's close has no time-out of its own.
    const holdsNone = (): boolean => this.#worker.heldCount === 0;
    // Nor does it end while there is no connection, which is no reason to wait where there is nothing to hand in.
    if (holdsNone() && (await within(drained, Math.min(idleMs, left())))) return;
    if (!holdsNone()) {
      if (await within(drained, left() - 2 * interruptMs)) return;
      this.#leases.stop(new JobInterruptedError('The worker is stopping.'));
      if (await within(drained, left() - interruptMs)) return;
    }
    this.#worker.letGo();
    await within(this.#worker.getBackend().close(true).catch(report), left());
  }

  #onBeat({ lost, superseded, cancelled, rescued }: QueueBeatReply): void {
    for (const job of lost) {
      this.#leases.lose(job);
      this.#worker.lost(job);
    }
    for (const job of superseded) {
      this.#leases.supersede(job);
      this.#worker.lost(job);
    }
    for (const job of cancelled) this.#leases.cancel(job, job.failure);
    rescued.forEach(() => this.#publish('rescued'));
  }

  #onFailed(job: Job | undefined): void {
    if (typeof job?.deferredFailure !== 'string') return;
    // BullMQ counts this as an attempt, and has done so already.
    this.#leases.failedUnrun({ ...leasedJob(job, ''), attempt: job.attemptsMade }, job.deferredFailure);
  }

  #publish(event: QueueJobEvent['event']): void {
    publishEvent('holdfast:queue:job', () => ({ queue: this.#definition.name, event }));
  }

  #report(error: Error): void {
    publishEvent('holdfast:queue:error', () => ({ queue: this.#definition.name, part: 'consumer', error }));
  }
}

/** The loop that a handler may keep is watched here, and by whoever else wants to. */
function mayBlockLoop(other: MayBlock | undefined): MayBlock {
  const { sign } = beatThread;
  if (other === undefined) return (timeoutMs) => sign.begin(timeoutMs);
  return (timeoutMs) => {
    const ends = [sign.begin(timeoutMs), other(timeoutMs)];
    return () => ends.forEach((end) => end());
  };
}

/** Whether it ended in time. */
async function within(work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  const timer = new AbortController();
  const expired = delay(Math.max(0, milliseconds), false, { signal: timer.signal }).catch(() => false);
  const done = await Promise.race([work.then(() => true), expired]);
  timer.abort();
  return done;
}
