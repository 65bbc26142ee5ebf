import type { Retention } from '../job/define-queue.ts';

/** The states whose jobs can be removed all together: those that wait, and those that have ended. */
export const removableStates = ['completed', 'failed', 'waiting', 'prioritized', 'delayed'] as const;
export type RemovableState = (typeof removableStates)[number];

/**
 * What an operator changes in the jobs of one queue. Each call is one command (on PGlite one transaction) of bounded work,
 * whatever the length of the queue: whoever wants more calls again. Where times are compared, it is by the clock of the
 * store. Errors are those of `QueueHandle.call`.
 *
 * A job that is removed while a parent waits for it counts as a child that has failed: the parent fails with
 * `JOB_CHILD_REMOVED`, or goes on without it where the child was to be ignored when it fails. The next job of a schedule stays.
 */
export interface JobChanges {
  /** Removes jobs of one state: of those that have ended the oldest, of the others those that run next. */
  removeFrom(order: RemovalOrder): Promise<RemovalStep>;
  /** Removes a job in whatever state it is; says what became of it. */
  remove(id: string): Promise<RemovalOutcome>;
  /** Removes those of these, at most `maxChangedAtOnce`, that have failed at least so long ago. */
  removeDeadLetters(
    ids: readonly string[],
    olderThanMs: number,
  ): Promise<{ readonly removed: number; readonly looked: number }>;
  /**
   * Lets these failed jobs, at most `maxChangedAtOnce`, run again, with all their attempts; they wait from now on. Others are
   * left alone.
   */
  redrive(ids: readonly string[]): Promise<RedriveStep>;
  /** The same with the `limit` oldest, at most, of those that failed before `before`: now, or the time of an earlier step. */
  redriveOldest(limit: number, before: number | undefined): Promise<RedriveStep>;
  /** Lets a delayed job run now; replies whether there is one of this id that is delayed. */
  promote(id: string): Promise<boolean>;
  /** Removes jobs that have ended and are older, or more, than the rules say: the oldest first. */
  sweep(order: SweepOrder): Promise<SweepAnswer>;
}

/** How many jobs a call is given at most. */
export const maxChangedAtOnce = 50;

export interface RemovalOrder {
  readonly state: RemovableState;
  readonly limit: number;
  /** Of those that have ended: since then; of the others: since they were added or redriven. Absent: all. */
  readonly olderThanMs?: number | undefined;
  /** From the step before. */
  readonly from?: RemovalPlace | undefined;
}

/** Where a removal goes on; what it holds is the store's own. */
export interface RemovalPlace {
  /** The time by which ages are counted. */
  readonly before: number;
  readonly place: string;
  readonly id: string;
}

export interface RemovalStep {
  readonly removed: number;
  /** Absent when there is nothing more to look at. */
  readonly next?: RemovalPlace;
  /** Of those that have ended: how many are left that would be removed. */
  readonly remaining: number;
}

/** `locked`: it runs. `schedule`: it is the next job of one, which would end without it. */
export type RemovalOutcome = 'removed' | 'absent' | 'locked' | 'schedule';

export interface RedriveStep {
  readonly redriven: number;
  readonly failed: readonly { readonly id: string; readonly reason: 'absent' | 'state' }[];
  /** Of the ids that were given: how many were looked at, the first ones. The others are for the next call. */
  readonly looked: number;
  /** Dead letters that failed before `before` and are still there. */
  readonly remaining: number;
  readonly before: number;
}

export interface SweepOrder {
  /** Unique among all sweepers. */
  readonly sweeper: string;
  /** From now on nobody else sweeps this queue for so long. */
  readonly leaseMs: number;
  readonly limit: number;
  readonly retention: Retention;
}

export interface SweepAnswer {
  /** Somebody else sweeps this queue: nothing was done. */
  readonly elsewhere: boolean;
  readonly removed: number;
  /** Whether there may be more. */
  readonly more: boolean;
}
