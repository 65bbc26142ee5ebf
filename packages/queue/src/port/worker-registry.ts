import type { RateLimit } from '../job/define-queue.ts';

/** What a queue's store knows of the workers of the queue, and what they ask of it. */
export interface WorkerRegistry {
  /** Puts a job that is active under this token back to waiting; `false` when the token does not hold it (any more). */
  giveBack(id: string, token: string): Promise<boolean>;
  /**
   * The run under this token has completed the job, and its lock may be another's by now: takes the job from whoever has
   * it, unless another run has ended it. `superseded`: then there is nothing to hand in.
   */
  claim(id: string, token: string, crashLimit: number): Promise<ClaimOutcome>;
  /** How often a worker died while it ran this job. */
  crashesOf(id: string): Promise<number>;
  /** Says that a job which may be the reason of crashes begins to run now, under this token. */
  beginAlone(id: string, token: string): Promise<void>;
  /**
   * Notes that a job starts now, in the log of the limit that its worker was made with: one that starts so long after it was
   * fetched that the log has it too early.
   *
   * @param since when it was fetched, by the clock of the store; milliseconds since the epoch
   * @returns 0, or how many milliseconds it has to wait
   */
  countStart(limit: RateLimit, since: number): Promise<number>;
  /** @param failure what the job fails with, `CODE: message` */
  cancel(id: string, failure: string): Promise<CancelOutcome>;
}

/**
 * `waiting`: it waited, and has failed now. `active`: its worker is told, and ends it.
 * `waiting-children`, and `schedule` (the next job of one): it was left alone.
 */
export type CancelOutcome = 'waiting' | 'active' | 'ended' | 'missing' | 'waiting-children' | 'schedule';

/** `own`: its lock was still its own; `claimed`: now it is. */
export type ClaimOutcome = 'own' | 'claimed' | 'superseded';

export interface HeldJob {
  readonly id: string;
  readonly token: string;
}
