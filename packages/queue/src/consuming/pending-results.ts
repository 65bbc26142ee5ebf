import { ErrorCode } from 'bullmq';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClaimOutcome, HeldJob } from '../port/worker-registry.ts';
import { asError } from './failure.ts';

const firstPauseMs = 100;
const maxPauseMs = 5000;
/** A worker that is closing has little time: it asks more often. */
const maxPauseAtEndMs = 250;

const missingLock: number = ErrorCode.JobLockNotExist;
/** BullMQ's answers that mean: this worker does not hold the job any more. */
const heldElsewhere: ReadonlySet<number> = new Set([
  ErrorCode.JobNotExist,
  ErrorCode.JobNotInState,
  ErrorCode.JobLockMismatch,
]);

export interface PendingResultsOptions {
  readonly isClosing: () => boolean;
  /** Told when a result was not taken, before it is handed in again. */
  readonly onRefused: (job: HeldJob, error: Error) => void;
  /** Told when the lock of such a job has run out: a beat takes it anew, or finds that the job is another worker's. */
  readonly onLockMissing: () => void;
}

export interface HandedInResult {
  /** Whether no later attempt could succeed, because of the result itself. Default: none is. */
  readonly isHopeless?: () => boolean;
  /**
   * Of a run that has completed its job: the first that does so is the one that counts, also where its worker was silent for
   * a while and the job was given to another one. Default: it counts only while the job is its own.
   */
  readonly claim?: () => Promise<ClaimOutcome>;
}

interface Pending {
  readonly job: HeldJob;
  /** It is another worker's by now, or has been handed in by a command whose reply was lost. */
  isLost: boolean;
  wake: () => void;
}

/**
 * Results (and failures) of jobs that the store did not take. A run is not made undone by a store that is full, read-only,
 * down or locked: its result is handed in again until it is taken, whatever the reason was. Three things end that: the store
 * takes it; the store says that the job is not this worker's any more; the worker ends. Each holds the slot of its job, so
 * there are never more of them than the worker runs jobs at once, and meanwhile it takes no others in their place.
 */
export class PendingResults {
  readonly #options: PendingResultsOptions;
  /** By lock token. */
  readonly #pending = new Map<string, Pending>();
  #hasLetGo = false;

  constructor(options: PendingResultsOptions) {
    this.#options = options;
  }

  /** Their locks are to be kept by the beats of the worker, as if the jobs still ran. */
  list(): HeldJob[] {
    return Array.from(this.#pending.values(), ({ job }) => job);
  }

  /**
   * Hands in one result.
   *
   * @param attempt repeated until it resolves: safe, since the store takes each result once, under its lock token
   * @returns `undefined` also where the job is another worker's by now, and where this worker ends before
   * @throws what no later attempt would mend
   */
  async handIn<T>(job: HeldJob, attempt: () => Promise<T>, result: HandedInResult = {}): Promise<T | undefined> {
    try {
      return await attempt();
    } catch (error) {
      return this.handInAgain(job, attempt, error, result);
    }
  }

  /** A beat has found that the job is not this worker's any more. */
  lost({ id, token }: HeldJob): void {
    const pending = this.#pending.get(token);
    if (pending?.job.id !== id) return;
    pending.isLost = true;
    pending.wake();
  }

  /** Tries all of them now: the store may be there again. */
  hurry(): void {
    for (const pending of this.#pending.values()) pending.wake();
  }

  /** The worker ends: what was not handed in by now is left to others. */
  letGo(): void {
    this.#hasLetGo = true;
    this.hurry();
  }

  /** `handIn` of a result whose first attempt has failed with `first`: of most there is no second, and nothing to make for it. */
  async handInAgain<T>(
    job: HeldJob,
    attempt: () => Promise<T>,
    first: unknown,
    { isHopeless, claim }: HandedInResult = {},
  ): Promise<T | undefined> {
    const pending: Pending = { job, isLost: false, wake: () => undefined };
    this.#pending.set(job.token, pending);
    try {
      let error = first;
      for (let tries = 0; ; tries += 1) {
        const answer = answerOf(error);
        const isElsewhere = heldElsewhere.has(answer);
        if ((isElsewhere && claim === undefined) || pending.isLost || this.#hasLetGo) return undefined;
        if (answer < 0 ? answer !== missingLock && !isElsewhere : tries === 0 && isHopeless?.() === true) throw error;
        if (answer < 0 && claim !== undefined) {
          const outcome = await claim().catch((why: unknown) => void (error = why));
          if (outcome === 'superseded') return undefined;
          if (outcome === undefined) this.#options.onRefused(job, asError(error));
        } else if (answer < 0) this.#options.onLockMissing();
        else this.#options.onRefused(job, asError(error));
        await this.#pause(pending, tries);
        if (pending.isLost || this.#hasLetGo) return undefined;
        try {
          return await attempt();
        } catch (next) {
          error = next;
        }
      }
    } finally {
      this.#pending.delete(job.token);
    }
  }

  async #pause(pending: Pending, tries: number): Promise<void> {
    const longest = this.#options.isClosing() ? maxPauseAtEndMs : maxPauseMs;
    const pauseMs = Math.min(longest, firstPauseMs * 2 ** Math.min(tries, 10));
    const over = new AbortController();
    pending.wake = () => over.abort();
    // Half of it random, so that the results of a worker, and its like, do not come in step.
    await delay(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: over.signal }).catch(() => undefined);
    pending.wake = () => undefined;
  }
}

/** BullMQ's scripts answer with a negative number when they have looked at a job and changed nothing; 0: this is none. */
function answerOf(error: unknown): number {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'number' && code < 0 ? code : 0;
}
