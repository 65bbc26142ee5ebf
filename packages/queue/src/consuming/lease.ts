import { backoffDelay, type Backoff } from '../job/backoff.ts';
import { publishEvent, type QueueJobEvent } from '../job/channels.ts';
import {
  JobCancelledError,
  JobExpiredError,
  JobInterruptedError,
  JobLockLostError,
  JobSupersededError,
  JobTimeoutError,
  RetryLaterError,
} from '../job/errors.ts';
import type { HeldJob, WorkerRegistry } from '../port/worker-registry.ts';
import { asError, failureOf, isPermanent } from './failure.ts';
import { givenUpJob, type OnGivenUp } from './given-up.ts';
import type { MayBlock } from './handler.ts';
import { Interruption } from './interruption.ts';
import { beginLastLife } from './last-life.ts';

/** A job as it was taken under a lock token, by whatever takes jobs. */
export interface LeasedJob extends HeldJob {
  readonly name: string;
  readonly data: unknown;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** How many there may be at most. */
  readonly attempts: number;
  /** Whether it was started before and did not end: its worker died, or handed it back. */
  readonly wasLeft: boolean;
  /** From when this attempt could have begun, and when it was taken; both by the clock of the store, milliseconds since the epoch. */
  readonly dueAt: number;
  readonly takenAt: number;
  /** Default: that of its queue. */
  readonly timeoutMs: number | undefined;
  readonly waitingTtlMs: number | undefined;
  readonly backoff: Backoff | undefined;
  /** How often it has been redriven. */
  readonly redriven: number;
}

/** What a run asks of the store, besides to be ended. */
export type LeaseStore = Pick<WorkerRegistry, 'giveBack' | 'crashesOf' | 'beginAlone'>;

/** What all runs of one queue in one worker have in common. */
export interface LeaseTerms {
  readonly queue: string;
  readonly timeoutMs: number;
  readonly maxCrashes: number;
  readonly store: LeaseStore;
  readonly onGivenUp: OnGivenUp | undefined;
  readonly mayBlock: MayBlock | undefined;
  /** A run has begun or ended. */
  readonly onProgress: () => void;
  readonly onError: (error: Error) => void;
}

/** What becomes of the job. Whoever took it hands that in. */
export type LeaseOutcome =
  | { readonly kind: 'completed'; readonly result: unknown }
  | {
      readonly kind: 'failed';
      /** What is stored: `CODE: message`. */
      readonly reason: string;
      readonly error: Error;
      /** Whether no further attempt is made. */
      readonly isLast: boolean;
      /** Milliseconds until the next one. */
      readonly retryInMs: number;
    }
  /** It waits again as it came, at the cost of none of its attempts; or is to be put there, where the store could not be asked. */
  | { readonly kind: 'returned'; readonly isGivenBack: boolean }
  /** Its turn is not yet: it is to wait for so long, at the cost of none of its attempts, and leave its place to others. */
  | { readonly kind: 'postponed'; readonly inMs: number }
  /** Somebody else has it, or has ended it: there is nothing to hand in. */
  | { readonly kind: 'lost' };

/** At least so long, and at most twice as long, waits a job that may not run beside the one that runs. Milliseconds. */
const postponeMs = 2000;

/**
 * One run of a job: its timeout, its waiting time, its turn where it may be what kills its workers, what tells it to stop,
 * and what its end means: another attempt, or a dead letter. It knows neither where the job came from nor who does the
 * work: a handler in this process, or a worker behind a connection.
 */
export class Lease {
  readonly job: LeasedJob;
  /** Raise it with a reason to end the run. */
  readonly interruption = new Interruption();
  readonly #terms: LeaseTerms;
  readonly #onEnd: (lease: Lease) => void;
  #startedAt = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #endBlocking: (() => void) | undefined;
  #endTurn: (() => void) | undefined;

  /** @param onEnd the work has ended, and nobody need tell it anything; may be called twice */
  constructor(job: LeasedJob, terms: LeaseTerms, onEnd: (lease: Lease) => void) {
    this.job = job;
    this.#terms = terms;
    this.#onEnd = onEnd;
  }

  get timeoutMs(): number {
    return this.job.timeoutMs ?? this.#terms.timeoutMs;
  }

  /**
   * Has the work done and says what becomes of the job; never rejects. Where the run is told to stop, or the timeout comes
   * first, it ends with that reason, whatever the work does: it goes on by itself, but it no longer holds the worker.
   */
  async run(work: () => unknown): Promise<LeaseOutcome> {
    const { onProgress, mayBlock } = this.#terms;
    onProgress();
    try {
      this.#refuseExpired();
      if (this.job.wasLeft && !(await this.#mayBegin())) {
        return { kind: 'postponed', inMs: Math.round(postponeMs * (1 + Math.random())) };
      }
      this.#publish('started', { waitMs: Math.max(0, this.job.takenAt - this.job.dueAt) });
      this.#endBlocking = mayBlock?.(this.timeoutMs);
      this.#timer = setTimeout(() => this.interruption.raise(new JobTimeoutError(this.timeoutMs)), this.timeoutMs);
      // One promise instead of a race of two: this is most of what a short job costs.
      const result = await new Promise((resolve, reject) => {
        this.interruption.listen(reject);
        // The work may also return what it has at once.
        Promise.resolve(work()).then(resolve, reject);
      });
      this.#publish('completed', { durationMs: this.#durationMs, attempts: this.job.attempt });
      return { kind: 'completed', result };
    } catch (error) {
      // Before anything else is asked of the store: whatever it says of this lock now is no news.
      this.#onEnd(this);
      return await this.#unwell(asError(error));
    } finally {
      clearTimeout(this.#timer);
      this.#onEnd(this);
      this.#endBlocking?.();
      this.#endTurn?.();
      onProgress();
    }
  }

  #refuseExpired(): void {
    const { waitingTtlMs, attempt, wasLeft, dueAt, takenAt } = this.job;
    if (waitingTtlMs === undefined || attempt > 1 || wasLeft) return;
    const waitedMs = takenAt - dueAt;
    if (waitedMs > waitingTtlMs) throw new JobExpiredError(waitedMs, waitingTtlMs);
  }

  async #mayBegin(): Promise<boolean> {
    const turn = await beginLastLife(this.job, this.#terms);
    if (turn === 'busy') return false;
    this.#endTurn = turn;
    this.#startedAt = Date.now();
    return true;
  }

  async #unwell(error: Error): Promise<LeaseOutcome> {
    if (error instanceof JobSupersededError) {
      this.#publish('superseded', {});
      return { kind: 'lost' };
    }
    if (error instanceof JobLockLostError) return { kind: 'lost' };
    if (error instanceof JobInterruptedError) return { kind: 'returned', isGivenBack: await this.#giveBack() };
    const { attempt, attempts, backoff } = this.job;
    const isLast = isPermanent(error) || attempt >= attempts;
    this.#publish(isLast ? endOf(error) : 'retrying', {
      durationMs: this.#durationMs,
      ...(isLast && { attempts: attempt }),
    });
    const reason = failureOf(error);
    if (isLast) await this.#tellGivenUp(reason);
    // The handler knows better than the policy of the queue.
    const policyMs = (): number => (backoff === undefined ? 0 : backoffDelay(backoff, attempt));
    const retryInMs = error instanceof RetryLaterError ? error.delayMs : policyMs();
    return { kind: 'failed', reason, error, isLast, retryInMs };
  }

  /** As it came: stopping a worker costs a job none of its attempts. */
  async #giveBack(): Promise<boolean> {
    try {
      await this.#terms.store.giveBack(this.job.id, this.job.token);
      return true;
    } catch {
      // The store is away: who took the job may have a connection that waits for it.
      return false;
    }
  }

  async #tellGivenUp(reason: string): Promise<void> {
    const { queue, onGivenUp, onError } = this.#terms;
    try {
      await onGivenUp?.(givenUpJob(queue, this.job, reason));
    } catch (error) {
      onError(asError(error));
    }
  }

  get #durationMs(): number {
    return Date.now() - this.#startedAt;
  }

  #publish(event: QueueJobEvent['event'], more: Partial<QueueJobEvent>): void {
    publishEvent('holdfast:queue:job', () => ({ queue: this.#terms.queue, event, job: this.job.id, ...more }));
  }
}

function endOf(error: Error): 'failed' | 'cancelled' | 'expired' {
  if (error instanceof JobCancelledError) return 'cancelled';
  return error instanceof JobExpiredError ? 'expired' : 'failed';
}
