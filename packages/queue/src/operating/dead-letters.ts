import { JobOptionsInvalidError } from '../job/errors.ts';
import { canBeJobId } from '../job/job-id.ts';
import type { DeadLetterPage } from '../job/dead-letter.ts';
import { limits } from '../job/limits.ts';
import { isListCursor, readListCursor } from '../port/dead-letter-cursor.ts';
import type { DeadLetterStore } from '../port/dead-letter-store.ts';

export interface DeadLetterListOptions {
  readonly cursor?: string;
  /** 1 to 100. Default 50. */
  readonly limit?: number;
}

export interface RedriveOptions {
  /** Which; 1 to 10,000. Default: all that had failed before the call. */
  readonly ids?: readonly string[];
  /** Without `ids`: how many at most, the oldest first; 1 to 100,000. Default 10,000. */
  readonly limit?: number;
  /** Told after each batch. */
  readonly onProgress?: (progress: { readonly redriven: number; readonly failed: number }) => void;
  /** Ends it after the batch that is under way. */
  readonly signal?: AbortSignal;
}

export interface RedriveReport {
  readonly redriven: number;
  /** How many ids were not; see `errors`. */
  readonly failed: number;
  readonly errors: readonly RedriveError[];
  /** Dead letters of before the call that are still there: with `limit` reached, call again. */
  readonly remaining: number;
}

export interface RedriveError {
  readonly id: string;
  /** `JOB_NOT_FOUND`: there is no such job (any more). `JOB_STATE_CONFLICT`: it has not failed, or runs again already. */
  readonly code: 'JOB_NOT_FOUND' | 'JOB_STATE_CONFLICT';
  readonly message: string;
}

export interface CleanDeadLettersOptions {
  /** Which; 1 to 10,000. Default: all that had failed before the call. */
  readonly ids?: readonly string[];
  /** Only those that failed at least so long ago. */
  readonly olderThanMs?: number;
  /** How many at most, the oldest first; 1 to 100,000. Default 10,000. */
  readonly limit?: number;
  /** Ends it after the batch that is under way. */
  readonly signal?: AbortSignal;
}

export interface CleanReport {
  readonly removed: number;
  /** That would have been removed as well without the limit. */
  readonly remaining: number;
}

/** In one command; more would hold up everybody else on the store. */
const batchSize = 250;
const maxIds = 10_000;
const maxLimit = 100_000;
const defaultLimit = 10_000;
const maxPage = 100;

/** What can be done with the dead letters of one queue: each call is made of commands of bounded size. */
export class DeadLetters {
  readonly #queue: string;
  readonly #store: DeadLetterStore;
  readonly #now: () => number;

  constructor(queue: string, store: DeadLetterStore, now: () => number = Date.now) {
    this.#queue = queue;
    this.#store = store;
    this.#now = now;
  }

  /** See `Queues.deadLetters`. */
  async list({ cursor, limit = 50 }: DeadLetterListOptions = {}): Promise<DeadLetterPage> {
    requireOption('limit', isBetween(limit, 1, maxPage), `must be an integer from 1 to ${maxPage}.`);
    requireOption(
      'cursor',
      cursor === undefined || isListCursor(cursor),
      'must be one that this list has answered with.',
    );
    return this.#store.list(this.#queue, limit, cursor === undefined ? undefined : readListCursor(cursor));
  }

  /** See `Queues.redrive`. */
  async redrive(options: RedriveOptions = {}): Promise<RedriveReport> {
    const { ids, limit = defaultLimit, onProgress, signal } = options;
    checkSelection(ids, limit);
    const before = this.#now();
    let redriven = 0;
    const errors: RedriveError[] = [];
    let remaining = 0;
    for (const batch of ids === undefined ? batchesOf(limit) : idBatches(ids)) {
      if (signal?.aborted === true) break;
      const answer = await (typeof batch === 'number'
        ? this.#store.redriveOldest(batch, before)
        : this.#store.redrive(batch));
      redriven += answer.redriven;
      errors.push(...answer.failed.map((failure) => redriveError(this.#queue, failure)));
      ({ remaining } = answer);
      onProgress?.({ redriven, failed: errors.length });
      if (typeof batch === 'number' && (remaining === 0 || answer.redriven === 0)) break;
    }
    return { redriven, failed: errors.length, errors, remaining: ids === undefined ? remaining : 0 };
  }

  /** See `Queues.cleanDeadLetters`. */
  async clean(options: CleanDeadLettersOptions = {}): Promise<CleanReport> {
    const { ids, olderThanMs = 0, limit = defaultLimit, signal } = options;
    checkSelection(ids, limit);
    requireOption('olderThanMs', limits.olderThanMs.holds(olderThanMs), `${limits.olderThanMs.rule}.`);
    const before = this.#now() - olderThanMs;
    let removed = 0;
    let remaining = 0;
    for (const batch of ids === undefined ? batchesOf(limit) : idBatches(ids)) {
      if (signal?.aborted === true) break;
      const answer = await (typeof batch === 'number'
        ? this.#store.cleanOldest(batch, before)
        : this.#store.clean(batch, before));
      removed += answer.removed;
      ({ remaining } = answer);
      if (typeof batch === 'number' && (remaining === 0 || answer.removed === 0)) break;
    }
    return { removed, remaining: ids === undefined ? remaining : 0 };
  }
}

function* batchesOf(limit: number): Generator<number> {
  for (let left = limit; left > 0; left -= batchSize) yield Math.min(left, batchSize);
}

function* idBatches(ids: readonly string[]): Generator<readonly string[]> {
  const distinct = [...new Set(ids)];
  for (let at = 0; at < distinct.length; at += batchSize) yield distinct.slice(at, at + batchSize);
}

function redriveError(queue: string, { id, reason }: { id: string; reason: 'absent' | 'state' }): RedriveError {
  return reason === 'absent'
    ? { id, code: 'JOB_NOT_FOUND', message: `The queue "${queue}" has no job of this id.` }
    : { id, code: 'JOB_STATE_CONFLICT', message: 'The job is no dead letter: it waits, runs or has completed.' };
}

function checkSelection(ids: readonly string[] | undefined, limit: number): void {
  requireOption('limit', isBetween(limit, 1, maxLimit), `must be an integer from 1 to ${maxLimit}.`);
  if (ids === undefined) return;
  requireOption('ids', ids.length >= 1 && ids.length <= maxIds, `must hold 1 to ${maxIds} ids.`);
  const wrong = ids.findIndex((id) => typeof id !== 'string' || !canBeJobId(id));
  requireOption(`ids/${wrong}`, wrong === -1, 'is not the id of a job.');
}

function isBetween(value: number, minimum: number, maximum: number): boolean {
  return Number.isInteger(value) && value >= minimum && value <= maximum;
}

function requireOption(name: string, holds: boolean, message: string): void {
  if (!holds) throw new JobOptionsInvalidError([{ path: `/${name}`, message }]);
}
