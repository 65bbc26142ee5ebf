import type { QueueHandle } from '../port/backend.ts';
import { JobOptionsInvalidError } from '../job/errors.ts';
import { tryRemove } from './job-actions.ts';
import { limits } from '../job/limits.ts';

/** What can be cleaned: jobs that do not run. */
export const cleanableStates = ['completed', 'failed', 'waiting', 'prioritized', 'delayed'] as const;
export type CleanableState = (typeof cleanableStates)[number];

export interface CleanOptions {
  readonly state: CleanableState;
  /** Of those that have ended: since then; of the others: since they were added. Default 0: all. */
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

/** In one command; more would hold up everybody else on the store. */
const batch = 500;
const maxCleaned = 10_000;

/**
 * Removes jobs of one state with all that belongs to them; of those that have ended, the oldest first.
 *
 * @returns how many
 * @throws JobOptionsInvalidError (400), QueueUnavailableError (503): some may have been removed
 */
export async function cleanJobs(handle: QueueHandle, options: CleanOptions): Promise<number> {
  const { state, olderThanMs = 0, limit = 1000, signal } = options;
  demand('state', cleanableStates.includes(state), `must be one of ${cleanableStates.join(', ')}`);
  demand('olderThan', limits.olderThanMs.holds(olderThanMs), limits.olderThanMs.rule);
  demand('limit', Number.isInteger(limit) && limit >= 1 && limit <= maxCleaned, `must be from 1 to ${maxCleaned}`);
  const before = Date.now() - olderThanMs;
  if (state === 'completed' || state === 'failed') return removeOldest(handle, state, before, limit, signal);
  return removeListed(handle, state, before, limit, signal);
}

/**
 * Removes the jobs that wait, but not those that run and those that have ended.
 *
 * @returns how many
 * @throws QueueUnavailableError (503): some may have been removed
 */
export async function drainQueue(handle: QueueHandle, { delayed = false, signal }: DrainOptions = {}): Promise<number> {
  let removed = 0;
  for (const state of ['wait', 'prioritized', ...(delayed ? ['delayed'] : [])]) {
    removed += await removeOldest(handle, state, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY, signal);
  }
  return removed;
}

async function removeOldest(
  handle: QueueHandle,
  state: string,
  before: number,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  let removed = 0;
  const isWanted = (): boolean => removed < limit && signal?.aborted !== true;
  while (isWanted()) {
    const size = Math.min(batch, limit - removed);
    const ids = await handle.call((queue) => queue.getBackend().cleanJobsByState(state, before, size));
    removed += ids.length;
    // A batch may be short because of a job that must stay, such as the next one of a schedule.
    if (ids.length === 0) break;
  }
  return removed;
}

/** BullMQ looks for old jobs only among those that run next. Here all are looked at, and each is removed by itself. */
async function removeListed(
  handle: QueueHandle,
  state: 'waiting' | 'prioritized' | 'delayed',
  before: number,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  let removed = 0;
  const page = { state, limit: batch, lookups: batch, maxBytes: 4 * 1024 * 1024, name: undefined };
  let { jobs, next } = await handle.jobs.list({ ...page, after: undefined });
  for (;;) {
    const old = jobs.filter(({ timestamp }) => timestamp <= before).slice(0, limit - removed);
    const answers = await handle.call((queue) => Promise.all(old.map(({ id }) => tryRemove(queue, id))));
    removed += answers.filter((answer) => answer === 1).length;
    if (next === undefined || removed >= limit || signal?.aborted === true) return removed;
    ({ jobs, next } = await handle.jobs.list({ ...page, after: next }));
  }
}

function demand(name: string, holds: boolean, rule: string): void {
  if (!holds) throw new JobOptionsInvalidError([{ path: `/${name}`, message: rule }]);
}
