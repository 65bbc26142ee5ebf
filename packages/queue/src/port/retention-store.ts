import type { Retention } from '../job/define-queue.ts';

/** The finished jobs of one queue in its store. */
export interface RetentionStore {
  /**
   * Removes jobs that have ended and are older, or more, than the rules say: the oldest first, in one command. Errors are
   * those of `QueueHandle.call`.
   */
  sweep(order: SweepOrder): Promise<SweepAnswer>;
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
  /** Whether the limit was reached, so that there may be more. */
  readonly more: boolean;
}
