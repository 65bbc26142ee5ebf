import type { QueueUnavailableError } from '../job/errors.ts';
import type { JobLook } from '../port/job-store.ts';
import type { FeedEvent } from './feed-event.ts';

export interface ToldLook extends JobLook {
  /** The newest event of the queue when the look was taken: later ones have told more. */
  readonly eventId: string;
}

/** Who follows one job. None of these may throw. */
export interface FeedListener {
  readonly onEvent: (event: FeedEvent) => void;
  /** How the job stood when a look was taken at it; what happened before was told by events, as far as there are any. */
  readonly onLook: (look: ToldLook) => void;
  /** The store has lost events that were told: those to come are behind this one, however early it is. */
  readonly onReset: (eventId: string) => void;
  /** Nothing can be said of the job for now. */
  readonly onAway?: (error: QueueUnavailableError) => void;
  /** Whether looks are to tell of lines that come to the log of the job; asked before each. */
  readonly wantsLog?: () => boolean;
}

/** Those who listen to the jobs of one queue. */
export class JobListeners {
  readonly #byJob = new Map<string, Set<FeedListener>>();

  /** How many jobs somebody listens to. */
  get size(): number {
    return this.#byJob.size;
  }

  add(jobId: string, listener: FeedListener): void {
    const listeners = this.#byJob.get(jobId) ?? new Set();
    listeners.add(listener);
    this.#byJob.set(jobId, listeners);
  }

  remove(jobId: string, listener: FeedListener): void {
    const listeners = this.#byJob.get(jobId);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#byJob.delete(jobId);
  }

  of(jobId: string): readonly FeedListener[] {
    const listeners = this.#byJob.get(jobId);
    return listeners === undefined ? [] : [...listeners];
  }

  all(): readonly FeedListener[] {
    return [...this.#byJob.values()].flatMap((listeners) => [...listeners]);
  }

  /** The jobs, first those whose log somebody wants to hear of. */
  jobs(): { readonly withLog: readonly string[]; readonly others: readonly string[] } {
    const withLog: string[] = [];
    const others: string[] = [];
    for (const [jobId, listeners] of this.#byJob) {
      const wantsLog = [...listeners].some((listener) => listener.wantsLog?.() === true);
      (wantsLog ? withLog : others).push(jobId);
    }
    return { withLog, others };
  }
}
