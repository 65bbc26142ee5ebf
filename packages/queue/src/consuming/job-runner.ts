import { UnrecoverableError, WaitingError, type IQueueBackend, type Job } from 'bullmq';
import { stampStack, thinStacks } from '../job/failure-record.ts';
import { askConsumerForBackoff, type StoredJobOptions } from '../job/job-options.ts';
import { maxLogLineLength } from '../job/limits.ts';
import { storableResult, storableText } from '../job/storable.ts';
import { childrenOf } from './children.ts';
import type { Handler, RunningJob } from './handler.ts';
import type { Lease, LeasedJob, LeaseOutcome } from './lease.ts';
import type { Leases } from './leases.ts';

export interface JobRunnerOptions {
  readonly queue: string;
  readonly handler: Handler;
  readonly leases: Leases;
  /** Of the worker that runs the jobs. */
  readonly backend: () => Pick<IQueueBackend, 'getProcessedChildrenValues'>;
  /**
   * Puts a job back to waiting as soon as the store can be reached, as long as the worker still may. @param delayMs for so
   * long nobody takes it; default 0
   */
  readonly handBack: (job: Job, token: string, delayMs?: number) => Promise<void>;
  /** What can be stored of a result. Default: all of it. */
  readonly storable: ((result: unknown) => unknown) | undefined;
  /** Awaited before the work of a job begins. Default: it begins at once. */
  readonly beforeStart: ((job: Job, token: string, signal: () => AbortSignal) => Promise<void>) | undefined;
  readonly onProgress: () => void;
  readonly onError: (error: Error) => void;
}

/** Between BullMQ's worker and a lease: runs one attempt and says to BullMQ, by what it returns or throws, what becomes of it. */
export class JobRunner {
  readonly #options: JobRunnerOptions;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
  }

  async run(job: Job, token: string): Promise<unknown> {
    const { leases, storable, handBack } = this.#options;
    askConsumerForBackoff(job);
    const lease = leases.begin(leasedJob(job, token));
    const work = this.#work(job, lease);
    const outcome = await lease.run(storable === undefined ? work : async () => storable(await work()));
    if (outcome.kind === 'completed') return outcome.result;
    if (outcome.kind === 'failed') {
      thinStacks(job.stacktrace);
      throw failureFor(outcome);
    }
    if (outcome.kind === 'postponed') await handBack(job, token, outcome.inMs);
    if (outcome.kind === 'returned' && !outcome.isGivenBack) await handBack(job, token);
    throw new WaitingError();
  }

  #work(job: Job, lease: Lease): () => unknown {
    const { handler, beforeStart } = this.#options;
    if (beforeStart === undefined) return () => handler(this.#runningJob(job, lease));
    return async () => {
      await beforeStart(job, lease.job.token, () => lease.interruption.signal);
      return handler(this.#runningJob(job, lease));
    };
  }

  #runningJob(job: Job, { job: { id, name, data, attempt, attempts }, interruption }: Lease): RunningJob {
    const { queue, backend, onProgress } = this.#options;
    return {
      id,
      name,
      queue,
      data,
      attempt,
      attempts,
      idempotencyKey: `${queue}:${id}`,
      get signal() {
        return interruption.signal;
      },
      children: async () => childrenOf(job, backend()),
      progress: async (value) => {
        onProgress();
        await this.#note(job.updateProgress(storableResult(value) as Parameters<Job['updateProgress']>[0]));
      },
      log: async (line) => {
        await this.#note(job.log(storableText(line.slice(0, maxLogLineLength))));
      },
    };
  }

  /** What a job says on its way is worth less than its work: where the store refuses to note that, the work goes on. */
  async #note(noted: Promise<unknown>): Promise<void> {
    try {
      await noted;
    } catch (error) {
      if (!isStoreRefusal(error)) throw error;
      this.#options.onError(error);
    }
  }
}

/** Redis has answered with an error; BullMQ's own answers, such as that there is no such job, are none. */
function isStoreRefusal(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** BullMQ asks for the wait before the next attempt after it was thrown why this one failed. */
class AttemptFailedError extends Error {
  readonly retryInMs: number;

  constructor(message: string, retryInMs: number) {
    super(message);
    this.retryInMs = retryInMs;
  }
}

/** For BullMQ's `settings.backoffStrategy`. */
export function backoffStrategy(_attemptsMade: number, _type?: string, error?: Error): number {
  return error instanceof AttemptFailedError ? error.retryInMs : 0;
}

function failureFor({ reason, error, isLast, retryInMs }: LeaseOutcome & { readonly kind: 'failed' }): Error {
  const failure = isLast ? new UnrecoverableError(reason) : new AttemptFailedError(reason, retryInMs);
  failure.cause = error;
  failure.stack = stampStack(storableText(error.stack ?? reason));
  return failure;
}

export function leasedJob(job: Job, token: string): LeasedJob {
  const { attemptsMade, attemptsStarted, timestamp, processedOn = 0 } = job;
  const opts: Partial<StoredJobOptions> = job.opts;
  return {
    id: job.id ?? '',
    token,
    name: job.name,
    data: job.data,
    attempt: attemptsMade + 1,
    attempts: job.opts.attempts ?? 1,
    wasLeft: attemptsStarted - 1 > attemptsMade,
    dueAt: Math.max(timestamp, opts.redrivenAt ?? 0, attemptsMade > 0 ? processedOn : 0) + (job.delay ?? 0),
    takenAt: processedOn,
    timeoutMs: opts.timeoutMs,
    waitingTtlMs: opts.waitingTtlMs,
    backoff: opts.backoffPolicy,
    redriven: opts.redriven ?? 0,
  };
}
