import { JobOptionsInvalidError } from '../job/errors.ts';
import { canBeJobId } from '../job/job-id.ts';
import type { DeadLetterPage } from '../job/dead-letter.ts';
import { limits } from '../job/limits.ts';
import type { QueueHandle } from '../port/backend.ts';
import { toDeadLetter } from '../port/dead-letter-view.ts';
import { maxChangedAtOnce, type RedriveStep } from '../port/job-changes.ts';
import { laterStep } from './later-step.ts';
import { listPage } from './list-jobs.ts';
import { removeJobs, type CleanReport } from './remove-jobs.ts';

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

const maxIds = 10_000;
const maxLimit = 100_000;
const defaultLimit = 10_000;
const maxPage = 100;

/** What can be done with the dead letters of one queue: each call is made of commands of bounded work. */
export class DeadLetters {
  readonly #handle: QueueHandle;

  constructor(handle: QueueHandle) {
    this.#handle = handle;
  }

  /** See `Queues.deadLetters`. */
  async list({ cursor, limit = 50 }: DeadLetterListOptions = {}): Promise<DeadLetterPage> {
    const { jobs, name } = this.#handle;
    const options = { state: 'failed', limit, ...(cursor !== undefined && { cursor }) } as const;
    return listPage(jobs, options, maxPage, (job) => toDeadLetter(name, job));
  }

  /** See `Queues.redrive`. */
  async redrive(options: RedriveOptions = {}): Promise<RedriveReport> {
    const { ids, limit = defaultLimit, onProgress, signal } = options;
    checkSelection(ids, limit);
    let redriven = 0;
    let remaining = 0;
    const errors: RedriveError[] = [];
    for await (const step of ids === undefined ? this.#oldest(limit, signal) : this.#these(ids, signal)) {
      redriven += step.redriven;
      errors.push(...step.failed.map((failure) => redriveError(this.#handle.name, failure)));
      ({ remaining } = step);
      onProgress?.({ redriven, failed: errors.length });
    }
    return { redriven, failed: errors.length, errors, remaining: ids === undefined ? remaining : 0 };
  }

  /** See `Queues.cleanDeadLetters`. */
  async clean(options: CleanDeadLettersOptions = {}): Promise<CleanReport> {
    const { ids, olderThanMs = 0, limit = defaultLimit, signal } = options;
    checkSelection(ids, limit);
    requireOption('olderThanMs', limits.olderThanMs.holds(olderThanMs), `${limits.olderThanMs.rule}.`);
    const { changes } = this.#handle;
    if (ids === undefined)
      return removeJobs(changes, { state: 'failed', olderThanMs, limit, ...(signal && { signal }) });
    let removed = 0;
    const left = [...new Set(ids)];
    while (left.length > 0) {
      if (signal?.aborted === true) break;
      const batch = left.slice(0, maxChangedAtOnce);
      const step = await laterStep(removed > 0, async () => changes.removeDeadLetters(batch, olderThanMs));
      removed += step.removed;
      left.splice(0, step.looked);
    }
    return { removed, remaining: 0 };
  }

  async *#oldest(limit: number, signal: AbortSignal | undefined): AsyncGenerator<RedriveStep> {
    let before: number | undefined;
    for (let left = limit; left > 0;) {
      if (signal?.aborted === true) return;
      const [most, since] = [Math.min(left, maxChangedAtOnce), before];
      const step = await laterStep(left < limit, async () => this.#handle.changes.redriveOldest(most, since));
      yield step;
      // Those that have failed again since were not there before.
      ({ before } = step);
      left -= step.redriven;
      if (step.remaining === 0 || step.looked === 0) return;
    }
  }

  async *#these(ids: readonly string[], signal: AbortSignal | undefined): AsyncGenerator<RedriveStep> {
    const left = [...new Set(ids)];
    let hasChanged = false;
    while (left.length > 0) {
      if (signal?.aborted === true) return;
      const batch = left.slice(0, maxChangedAtOnce);
      const step: RedriveStep = await laterStep(hasChanged, async () => this.#handle.changes.redrive(batch));
      yield step;
      left.splice(0, step.looked);
      hasChanged ||= step.redriven > 0;
    }
  }
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
