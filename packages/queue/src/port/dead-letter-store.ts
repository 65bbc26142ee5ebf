import type { DeadLetterPage } from '../job/dead-letter.ts';
import type { ListCursor } from './dead-letter-cursor.ts';

/**
 * The dead letters of one queue in its store. Each call is one command (on PGlite: one transaction), and bounded by its
 * arguments. Errors are those of `QueueHandle.call`.
 */
export interface DeadLetterStore {
  /** The newest first, behind `after`. */
  list(queue: string, limit: number, after: ListCursor | undefined): Promise<DeadLetterPage>;
  /** Lets these run again, with all their attempts. Those that are no dead letters are reported and left alone. */
  redrive(ids: readonly string[]): Promise<RedriveAnswer>;
  /** The same with the `limit` oldest of those that failed before `before` (milliseconds since the epoch). */
  redriveOldest(limit: number, before: number): Promise<RedriveAnswer>;
  /** Removes those of these that are dead letters and failed before `before`. */
  clean(ids: readonly string[], before: number): Promise<CleanAnswer>;
  /** Removes the `limit` oldest of those that failed before `before`. */
  cleanOldest(limit: number, before: number): Promise<CleanAnswer>;
}

export interface RedriveAnswer {
  readonly redriven: number;
  readonly failed: readonly { readonly id: string; readonly reason: 'absent' | 'state' }[];
  /** Dead letters that failed before `before` and are still there. */
  readonly remaining: number;
}

export interface CleanAnswer {
  readonly removed: number;
  readonly remaining: number;
}
