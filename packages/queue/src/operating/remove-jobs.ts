import { JobOptionsInvalidError } from '../job/errors.ts';
import { limits } from '../job/limits.ts';
import { laterStep } from './later-step.ts';
import { maxChangedAtOnce, removableStates, type JobChanges, type RemovableState } from '../port/job-changes.ts';
import type { RemovalPlace, RemovalStep } from '../port/job-changes.ts';

export interface CleanOptions {
  readonly state: RemovableState;
  /** Of those that have ended: since then; of the others: since they were added, or redriven. Default 0: all. */
  readonly olderThanMs?: number;
  /** How many at most, 1 to 10 000. Default 1000. */
  readonly limit?: number;
  /** Ends it between two batches. */
  readonly signal?: AbortSignal;
}

export interface DrainOptions {
  /** Those that are delayed, too. The next job of a schedule stays in any case. Default false. */
  readonly delayed?: boolean;
  /** Ends it between two batches. */
  readonly signal?: AbortSignal;
}

export interface CleanReport {
  readonly removed: number;
  /** Of those that have ended: how many would have been removed as well without the limit. */
  readonly remaining: number;
}

const maxCleaned = 10_000;

/** @throws JobOptionsInvalidError (400) for a state, an age or a limit that is not allowed */
export function checkCleanOptions({ state, olderThanMs = 0, limit = 1000 }: CleanOptions): void {
  demand('state', removableStates.includes(state), `must be one of ${removableStates.join(', ')}`);
  demand('olderThan', limits.olderThanMs.holds(olderThanMs), limits.olderThanMs.rule);
  demand('limit', Number.isInteger(limit) && limit >= 1 && limit <= maxCleaned, `must be from 1 to ${maxCleaned}`);
}

/**
 * Removes the jobs that wait, but not those that run and those that have ended.
 *
 * @returns how many
 * @throws QueueUnavailableError (503) none was removed, QueueOutcomeUnknownError (503) some may have been
 */
export async function drainQueue(changes: JobChanges, { delayed = false, signal }: DrainOptions = {}): Promise<number> {
  let total = 0;
  for (const state of ['waiting', 'prioritized', ...(delayed ? (['delayed'] as const) : [])] as const) {
    const order = { state, limit: Number.POSITIVE_INFINITY, ...(signal && { signal }) };
    const { removed } = await laterStep(total > 0, async () => removeJobs(changes, order));
    total += removed;
  }
  return total;
}

/**
 * Removes jobs of one state with all that belongs to them: of those that have ended, the oldest first. In commands of bounded
 * work, however long the queue.
 *
 * @throws QueueUnavailableError (503) none was removed, QueueOutcomeUnknownError (503) some may have been
 */
export async function removeJobs(
  changes: JobChanges,
  { state, olderThanMs = 0, limit = 1000, signal }: CleanOptions,
): Promise<CleanReport> {
  let removed = 0;
  let remaining = 0;
  let from: RemovalPlace | undefined;
  while (removed < limit) {
    if (signal?.aborted === true) break;
    const order = {
      state,
      limit: Math.min(maxChangedAtOnce, limit - removed),
      olderThanMs: olderThanMs === 0 ? undefined : olderThanMs,
      from,
    };
    const step: RemovalStep = await laterStep(removed > 0, async () => changes.removeFrom(order));
    removed += step.removed;
    ({ remaining } = step);
    from = step.next;
    if (from === undefined) break;
  }
  return { removed, remaining };
}

function demand(name: string, holds: boolean, rule: string): void {
  if (!holds) throw new JobOptionsInvalidError([{ path: `/${name}`, message: rule }]);
}
