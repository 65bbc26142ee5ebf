import { QueueUnavailableError } from '../job/errors.ts';
import { perCall, type JobStore } from '../port/job-store.ts';
import { isBehind } from './event-position.ts';
import type { JobListeners } from './job-listeners.ts';

/** So often the logs of jobs that run are looked at, for which there are no events. */
const logMs = 1000;
/** Each so many of those all jobs are looked at: the net under the events. */
const roundsPerLook = 5;

export interface JobLooksOptions {
  readonly store: JobStore;
  readonly listeners: JobListeners;
  /** The newest event that was told. */
  readonly told: () => string;
  /** Tells all events as far as this one. */
  readonly catchUp: (until: string) => Promise<void>;
  /** The store has lost events that were told: the next ones come behind this one. */
  readonly wasReset: (eventId: string) => void;
  readonly onError: (error: Error) => void;
}

/** Looks now and then at the jobs that somebody listens to: at many of them with one command. */
export class JobLooks {
  readonly #options: JobLooksOptions;
  #timer: NodeJS.Timeout | undefined;
  #round = 0;
  #isLooking = false;

  constructor(options: JobLooksOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#timer !== undefined) return;
    this.#round = 0;
    this.#timer = setInterval(() => void this.#next(), logMs);
    this.#timer.unref();
  }

  /** Events may have been missed: the next round looks at all jobs. */
  soon(): void {
    this.#round = roundsPerLook - 1;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #next(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#round += 1;
    const isFull = this.#round >= roundsPerLook;
    if (isFull) this.#round = 0;
    const { withLog, others } = this.#options.listeners.jobs();
    const jobs = isFull ? [...withLog, ...others] : withLog;
    try {
      for (let at = 0; at < jobs.length && this.#timer !== undefined; at += perCall.looks) {
        await this.#look(jobs.slice(at, at + perCall.looks), Math.max(0, withLog.length - at));
      }
    } catch (error) {
      this.#failed(error as Error);
    } finally {
      this.#isLooking = false;
    }
  }

  async #look(ids: readonly string[], withLog: number): Promise<void> {
    const { store, listeners, told, catchUp, wasReset } = this.#options;
    const before = told();
    const { eventId, jobs } = await store.look(ids, Math.min(withLog, ids.length));
    // It was emptied, or replaced by one that knows less: a reader that went on behind what it had would hear nothing.
    if (isBehind(before, eventId)) wasReset(eventId);
    await catchUp(eventId);
    for (const [at, id] of ids.entries()) {
      const look = jobs[at];
      if (look !== undefined) for (const listener of listeners.of(id)) listener.onLook({ ...look, eventId });
    }
  }

  #failed(error: Error): void {
    // It is looked again in the next round: while the store is away that is no command.
    this.soon();
    if (!(error instanceof QueueUnavailableError)) return this.#options.onError(error);
    // That the store is away is told by its connections.
    for (const listener of this.#options.listeners.all()) listener.onAway?.(error);
  }
}
