import { WaitingError, type Job } from 'bullmq';
import { publishEvent, type QueueJobEvent } from '../job/channels.ts';
import { thinStacks } from '../job/failure-record.ts';
import type { QueueDefinition } from '../job/define-queue.ts';
import { JobCancelledError, JobExpiredError, JobInterruptedError, JobLockLostError } from '../job/errors.ts';
import { askConsumerForBackoff, type StoredJobOptions } from '../job/job-options.ts';
import type { Handler, MayBlock } from './handler.ts';
import { runJob } from './run-job.ts';
import { asError, isPermanent, toFailure } from './failure.ts';
import { givenUpJob, type OnGivenUp } from './given-up.ts';
import type { Interruption } from './interruption.ts';
import type { RunningJobs } from './running-jobs.ts';
import { defaultMaxCrashes } from '../port/consumer-tuning.ts';
import { Turns } from './turns.ts';
import type { HeldJob, WorkerRegistry } from '../port/worker-registry.ts';

export interface JobRunnerOptions {
  readonly definition: QueueDefinition;
  readonly handler: Handler;
  readonly registry: WorkerRegistry;
  readonly running: RunningJobs;
  readonly onGivenUp: OnGivenUp | undefined;
  readonly mayBlock: MayBlock | undefined;
  /** What can be stored of a result. */
  readonly storable: (result: unknown) => unknown;
  readonly onProgress: () => void;
  readonly onError: (error: Error) => void;
}

/**
 * Over all queues of this process: jobs that may be what kills it run one after the other, so that it is known which one
 * it was.
 */
const lastLives = new Turns();

/** Runs one attempt of a job and says to BullMQ, by what it returns or throws, what becomes of the job. */
export class JobRunner {
  readonly #options: JobRunnerOptions;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
  }

  async run(job: Job, token: string): Promise<unknown> {
    const { definition, handler, storable, running, onProgress, mayBlock } = this.#options;
    const held: HeldJob = { id: job.id ?? '', token };
    const interruption = running.begin(held);
    const begun = { at: Date.now() };
    let endTurn: (() => void) | undefined;
    let endBlocking: (() => void) | undefined;
    onProgress();
    askConsumerForBackoff(job);
    try {
      this.#refuseExpired(job, begun.at);
      if (this.#wasLeft(job)) {
        endTurn = await this.#turn(held, interruption);
        begun.at = Date.now();
      }
      this.#publish('started', { job: held.id, waitMs: Math.max(0, begun.at - canRunFrom(job)) });
      const { timeoutMs = definition.timeoutMs } = optionsOf(job);
      const queue = definition.name;
      endBlocking = mayBlock?.(timeoutMs);
      const result = storable(await runJob({ queue, job, handler, timeoutMs, interruption, onProgress }));
      this.#publish('completed', { job: held.id, durationMs: Date.now() - begun.at, attempts: job.attemptsMade + 1 });
      return result;
    } catch (error) {
      // Before anything else is asked of the store: whatever it says of this lock now is no news.
      running.end(held);
      throw await this.#outcomeOf(asError(error), job, token, begun.at);
    } finally {
      running.end(held);
      endBlocking?.();
      endTurn?.();
      onProgress();
    }
  }

  /** What BullMQ is to be thrown. */
  async #outcomeOf(error: Error, job: Job, token: string, startedAt: number): Promise<Error> {
    // Somebody else has the job: there is nothing to hand in.
    if (error instanceof JobLockLostError) return new WaitingError();
    if (error instanceof JobInterruptedError) {
      await this.#handBack(job, token);
      return new WaitingError();
    }
    const attempts = job.attemptsMade + 1;
    const isLast = isPermanent(error) || attempts >= (job.opts.attempts ?? 1);
    this.#publish(isLast ? endOf(error) : 'retrying', {
      job: job.id ?? '',
      durationMs: Date.now() - startedAt,
      ...(isLast && { attempts }),
    });
    thinStacks(job.stacktrace);
    const failure = toFailure(error);
    if (isLast) await this.#tellGivenUp(job, attempts, failure.message);
    return failure;
  }

  async #tellGivenUp(job: Job, attempts: number, reason: string): Promise<void> {
    const { definition, onGivenUp, onError } = this.#options;
    try {
      await onGivenUp?.(givenUpJob(definition.name, job, attempts, reason));
    } catch (error) {
      onError(asError(error));
    }
  }

  /** Handed back as it came: stopping a worker costs a job none of its attempts. */
  async #handBack(job: Job, token: string): Promise<void> {
    try {
      await this.#options.registry.giveBack(job.id ?? '', token);
    } catch {
      // The store is away: BullMQ's own connection waits for it, as long as the worker still may.
      await job.moveToWait(token);
    }
  }

  #refuseExpired(job: Job, now: number): void {
    const { waitingTtlMs } = optionsOf(job);
    const hasRun = job.attemptsMade > 0 || job.attemptsStarted > 1;
    if (waitingTtlMs === undefined || hasRun) return;
    const waitedMs = now - canRunFrom(job);
    if (waitedMs > waitingTtlMs) throw new JobExpiredError(waitedMs, waitingTtlMs);
  }

  /** Whether it was started and did not end: its worker died, or handed it back. Most jobs cost no further question. */
  #wasLeft(job: Job): boolean {
    return job.attemptsStarted - 1 > job.attemptsMade;
  }

  /**
   * A job that would be given up at its next crash waits until no other such job runs in this process, and only then
   * counts as running. Resolves with what ends its turn.
   */
  async #turn(held: HeldJob, interruption: Interruption): Promise<(() => void) | undefined> {
    const { registry, definition, onError } = this.#options;
    const limit = definition.maxCrashes ?? defaultMaxCrashes;
    if (limit < 2) return undefined;
    try {
      if ((await registry.crashesOf(held.id)) < limit - 1) return undefined;
    } catch (error) {
      onError(asError(error));
      return undefined;
    }
    const endTurn = await lastLives.take(interruption);
    await registry.beginAlone(held.id, held.token).catch((error: unknown) => onError(asError(error)));
    return endTurn;
  }

  #publish(event: QueueJobEvent['event'], more: Partial<QueueJobEvent>): void {
    publishEvent('holdfast:queue:job', () => ({ queue: this.#options.definition.name, event, ...more }));
  }
}

function endOf(error: Error): 'failed' | 'cancelled' | 'expired' {
  if (error instanceof JobCancelledError) return 'cancelled';
  return error instanceof JobExpiredError ? 'expired' : 'failed';
}

/** Milliseconds since the epoch: from when this attempt could have begun. */
function canRunFrom(job: Job): number {
  return Math.max(job.timestamp, job.attemptsMade > 0 ? (job.processedOn ?? 0) : 0) + (job.delay ?? 0);
}

function optionsOf(job: Job): Partial<StoredJobOptions> & { readonly waitingTtlMs?: number } {
  return job.opts;
}
