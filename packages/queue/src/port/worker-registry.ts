/** What a queue's store knows of the workers of the queue, and what they ask of it. */
export interface WorkerRegistry {
  /**
   * Says that a worker is there, asks after the jobs it runs, and gives back the jobs of workers that are gone. Nothing
   * is done later: a beat that cannot be made now fails.
   */
  beat(beat: Beat): Promise<BeatReply>;
  /** A worker ends. What it still holds is given back at once, by whoever beats next. */
  leave(workerId: string, holdsJobs: boolean): Promise<void>;
  /** Puts a job that is active under this token back to waiting; `false` when the token does not hold it (any more). */
  giveBack(id: string, token: string): Promise<boolean>;
  /** How often a worker died while it ran this job. */
  crashesOf(id: string): Promise<number>;
  /** Says that a job which may be the reason of crashes begins to run now, under this token. */
  beginAlone(id: string, token: string): Promise<void>;
  /** @param failure what the job fails with, `CODE: message` */
  cancel(id: string, failure: string): Promise<CancelOutcome>;
}

/**
 * `waiting`: it waited, and has failed now. `active`: its worker is told, and ends it.
 * `waiting-children`, and `schedule` (the next job of one): it was left alone.
 */
export type CancelOutcome = 'waiting' | 'active' | 'ended' | 'missing' | 'waiting-children' | 'schedule';

export interface Beat {
  /** `hf<ttlMs>.<unique>`: others read from it how long to wait for this worker. */
  readonly workerId: string;
  readonly ttlMs: number;
  /** From the last reply; `broken` after a beat that failed; `undefined` for the first one. */
  readonly link: string | undefined;
  /** How many crashes end a job. */
  readonly crashLimit: number;
  /** Also look for active jobs whose owner nobody knows, and for those that only the store believes to run here. */
  readonly everything: boolean;
  /** The jobs that run here, with their lock tokens. */
  readonly running: readonly HeldJob[];
}

export interface HeldJob {
  readonly id: string;
  readonly token: string;
}

export interface BeatReply {
  /** Since when this worker's link to the store holds, by the store's clock: for the next beat. */
  readonly link: string;
  /** Milliseconds until another worker may have to be rescued. */
  readonly dueMs: number | undefined;
  /** Running jobs that are not this worker's any more. A lock that merely ran out was taken anew. */
  readonly lost: readonly HeldJob[];
  /** Running jobs that were cancelled, with what they are to fail with. */
  readonly cancelled: readonly (HeldJob & { readonly failure: string })[];
  /** Jobs of dead workers that wait again. */
  readonly rescued: readonly { readonly id: string; readonly crashes: number }[];
  /** All jobs that the store believes to run here, if everything was looked at. */
  readonly own: readonly HeldJob[];
}
