import { UnrecoverableError, WaitingError, type Job, type Worker } from 'bullmq';
import { setTimeout as delay } from 'node:timers/promises';
import { backoffDelay } from './backoff.ts';
import type { QueueBackend } from './backends/backend.ts';
import { publishEvent } from './channels.ts';
import { stampStack, thinStacks } from './dead-letters/failure-record.ts';
import type { QueueDefinition } from './define-queue.ts';
import { JobInterruptedError, PermanentError } from './errors.ts';
import { formatFailure } from './job-view.ts';
import type { StoredJobOptions } from './job-options.ts';
import { runJob, type Handler } from './run-job.ts';
import { storableResult, storableText } from './storable.ts';

export type { Handler, RunningJob } from './run-job.ts';

export interface ConsumerOptions<Data = unknown> {
  readonly backend: QueueBackend;
  readonly definition: QueueDefinition;
  readonly handler: Handler<Data>;
  /** Jobs at a time. Default: the definition's. */
  readonly concurrency?: number;
}

export interface ConsumerStatus {
  readonly running: boolean;
  /** Jobs that run now. */
  readonly active: number;
  /** When a job last started, reported progress or ended; `null` before the first. Milliseconds since the epoch. */
  readonly lastProgressAt: number | null;
}

/**
 * Locks are long on purpose: with short ones a mere pause of Redis made healthy jobs run twice. What a dead worker held
 * comes back when its lock has expired and the stalled check has seen it.
 */
const lockDurationMs = 60_000;
const stalledIntervalMs = 30_000;
/** BullMQ fails a job that stalled more often, whatever attempts it has left. */
const maxStalledCount = 5;
/** Seconds that an idle worker blocks at a time. */
const drainDelaySeconds = 10;
/** What is kept back of the closing time for jobs to end after they were told to. */
const interruptMs = 500;

interface HeldLock {
  readonly token: string | undefined;
  /** Aborted when the lock is lost. */
  readonly signal: AbortSignal | undefined;
}

/** Runs the jobs of one queue. At least once: a job may run again, under the same `idempotencyKey`. */
export class Consumer<Data = unknown> {
  readonly #definition: QueueDefinition;
  readonly #worker: Worker<unknown, unknown>;
  readonly #storable: (result: unknown) => unknown;
  readonly #shutdown = new AbortController();
  #active = 0;
  #lastProgressAt: number | null = null;
  #running: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /** Connects in the background; takes no job before `start`. */
  constructor({ backend, definition, handler, concurrency }: ConsumerOptions<Data>) {
    this.#definition = definition;
    this.#storable = backend.kind === 'embedded' ? storableResult : (result) => result;
    // BullMQ hands the signal over only to a processor that declares three parameters (`processor.length`).
    const processor = async (job: Job, token: string | undefined, signal: AbortSignal | undefined): Promise<unknown> =>
      this.#process(job, handler, { token, signal });
    this.#worker = backend.createWorker(definition.name, processor, {
      autorun: false,
      concurrency: concurrency ?? definition.concurrency,
      lockDuration: lockDurationMs,
      stalledInterval: stalledIntervalMs,
      maxStalledCount,
      drainDelay: drainDelaySeconds,
      // How long a worker waits before it tries again to hand in a result while its store is away.
      runRetryDelay: 1000,
      settings: { backoffStrategy: (attemptsMade, _type, _error, job) => backoffOf(job, attemptsMade) },
    });
    this.#worker.on('error', (error) => this.#report(error));
    this.#worker.on('stalled', () => this.#publish('stalled'));
    // Somebody else may run these by now: what can stop, should. BullMQ only tells.
    this.#worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) this.#worker.cancelJob(id, 'The lock of the job was lost.');
    });
  }

  /** Begins to take jobs, or does so as soon as the store can be reached. Does not wait for that. */
  async start(): Promise<void> {
    if (this.#running !== undefined || this.#closing !== undefined) return;
    this.#running = this.#worker.run().catch((error: unknown) => this.#report(asError(error)));
  }

  status(): ConsumerStatus {
    const running = this.#running !== undefined && this.#closing === undefined && this.#worker.isRunning();
    return { running, active: this.#active, lastProgressAt: this.#lastProgressAt };
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
    const left = (): number => Math.max(0, timeoutMs - (Date.now() - started));
    const drained = this.#worker.close().then(
      () => true,
      (error: unknown) => {
        this.#report(asError(error));
        return true;
      },
    );
    // BullMQ's close has no time-out of its own.
    const within = async (milliseconds: number): Promise<boolean> => {
      const timer = new AbortController();
      const expired = delay(milliseconds, false, { signal: timer.signal }).catch(() => false);
      const done = await Promise.race([drained, expired]);
      timer.abort();
      return done;
    };
    if (await within(Math.max(0, left() - 2 * interruptMs))) return;
    this.#shutdown.abort(new JobInterruptedError('The worker is stopping.'));
    if (await within(Math.max(0, left() - interruptMs))) return;
    const forced = this.#worker
      .getBackend()
      .close(true)
      .catch((error: unknown) => this.#report(asError(error)));
    await Promise.race([forced, delay(left())]);
  }

  async #process(job: Job, handler: Handler<Data>, held: HeldLock): Promise<unknown> {
    const queue = this.#definition.name;
    const startedAt = Date.now();
    this.#touch();
    this.#active += 1;
    const canRunFrom = Math.max(job.timestamp, job.attemptsMade > 0 ? (job.processedOn ?? 0) : 0) + (job.delay ?? 0);
    this.#publish('started', { waitMs: Math.max(0, startedAt - canRunFrom) });
    try {
      const result = await runJob({
        queue,
        job,
        handler,
        timeoutMs: storedTimeout(job) ?? this.#definition.timeoutMs,
        signals: [this.#shutdown.signal, ...(held.signal === undefined ? [] : [held.signal])],
        onProgress: () => this.#touch(),
      });
      this.#publish('completed', { durationMs: Date.now() - startedAt });
      return this.#storable(result);
    } catch (error) {
      if (error === this.#shutdown.signal.reason) {
        // Handed back as it came: stopping a worker costs a job none of its attempts.
        await job.moveToWait(held.token);
        throw new WaitingError();
      }
      const failure = toFailure(error);
      const isLast = failure instanceof UnrecoverableError || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
      this.#publish(isLast ? 'failed' : 'retrying', { durationMs: Date.now() - startedAt });
      thinStacks(job.stacktrace);
      throw failure;
    } finally {
      this.#active -= 1;
      this.#touch();
    }
  }

  #touch(): void {
    this.#lastProgressAt = Date.now();
  }

  #publish(
    event: 'started' | 'completed' | 'failed' | 'retrying' | 'stalled',
    more: { readonly waitMs?: number; readonly durationMs?: number } = {},
  ): void {
    publishEvent('holdfast:queue:job', () => ({ queue: this.#definition.name, event, ...more }));
  }

  #report(error: Error): void {
    publishEvent('holdfast:queue:error', () => ({ queue: this.#definition.name, part: 'consumer', error }));
  }
}

/** What BullMQ records: `CODE: message`, with the stack of the original. */
function toFailure(error: unknown): Error {
  const original = asError(error);
  const { code } = original as { code?: unknown };
  const message = formatFailure(
    typeof code === 'string' && /^[A-Z]/.test(code) ? code : 'JOB_FAILED',
    storableText(original.message),
  );
  const failure = original instanceof PermanentError ? new UnrecoverableError(message) : new Error(message);
  failure.cause = original;
  failure.stack = stampStack(storableText(original.stack ?? message));
  return failure;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function storedTimeout(job: Job): number | undefined {
  return (job.opts as Partial<StoredJobOptions>).timeoutMs;
}

function backoffOf(job: { readonly opts: object } | undefined, attemptsMade: number): number {
  const options: Partial<StoredJobOptions> | undefined = job?.opts;
  const policy = options?.backoffPolicy;
  return policy === undefined ? 0 : backoffDelay(policy, attemptsMade);
}
