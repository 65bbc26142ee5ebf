import { type HoldfastError, Turns } from '@holdfast/redis-core';
import type { AddedJob, NewJob } from '../job/new-job.ts';
import { JobAddAbortedError, JobOptionsInvalidError, QueueUnavailableError } from '../job/errors.ts';
import { limits, maxBatchBytes, maxBatchJobs, maxBulkJobs } from '../job/limits.ts';
import type { AddJob } from './add-job.ts';
import { sizeOf } from './add-batcher.ts';

export interface AddManyOptions {
  /**
   * Spreads the jobs evenly over this time, to smooth a burst: the first can run at once, and each a little later than
   * the one before. Comes on top of a job's own `delayMs`. Up to 365 days.
   */
  readonly spreadMs?: number;
  /** Ends the call early: what was not sent by then is rejected with `JOB_ADD_ABORTED`. */
  readonly signal?: AbortSignal;
  /** Called now and then with how many jobs are done with, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface AddManyResult {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  /** One a job, in the order given. */
  readonly items: readonly AddManyItem[];
}

export interface AddManyItem {
  readonly index: number;
  /** Of the job that is stored; also where it is not known whether it is (`QUEUE_OUTCOME_UNKNOWN`). */
  readonly id?: string;
  readonly status: 'accepted' | 'duplicate' | 'rejected';
  /** It is in the outbox, because its store is away; absent for one that is in its store. */
  readonly state?: 'outbox';
  /** Why it was rejected: what `add` would have thrown. */
  readonly error?: HoldfastError | Error;
}

/** One of many jobs, checked. */
export interface BulkJob {
  /** In the call. */
  readonly index: number;
  /** As it is stored. */
  readonly job: NewJob;
  /** As its caller gave it. */
  readonly source: AddJob;
  /** By how much spreading has delayed it; `job` has that already. */
  readonly laterMs: number;
}

/** Where the jobs of a call go. */
export interface AddManyVia {
  /** A result per job, in their order. */
  readonly send: (jobs: readonly BulkJob[]) => Promise<(AddedJob | Error)[]>;
  /** Whether there is no point in trying the next jobs after one that failed so. */
  readonly endsAll: (error: Error) => boolean;
  /** How many `send` may be under way at this moment. Default: as many as are good for a store. */
  readonly maxUnderWay?: () => number;
}

export interface AddManyTarget extends AddManyVia {
  /** Checks a job and makes of it what is stored. @throws what `add` throws for a job that is wrong */
  readonly prepare: (job: AddJob) => NewJob;
}

/** As long as it takes to make as much JSON, it takes to reject a job. */
const rejectedBytes = 256 * 1024;

/** Commands that are under way at a time: enough to keep the store busy, few enough to let others in between. */
export const maxCommandsUnderWay = 8;

/**
 * Adds jobs in as few commands as keep each of them short, a few at a time: beside what it was given, it holds some
 * hundred jobs in memory. When `endsAll` says so, the rest is rejected at once instead of being tried piece by piece.
 *
 * @throws JobOptionsInvalidError for wrong settings; never for a job
 */
export async function addMany(
  jobs: readonly AddJob[],
  { spreadMs, signal, onProgress }: AddManyOptions,
  { prepare, send, endsAll, maxUnderWay = () => maxCommandsUnderWay }: AddManyTarget,
): Promise<AddManyResult> {
  check(jobs, spreadMs);
  const total = jobs.length;
  const startedAt = Date.now();
  const items: AddManyItem[] = [];
  let done = 0;
  let away: Error | undefined;

  const settle = (index: number, item: Omit<AddManyItem, 'index'>): void => {
    items[index] = { index, ...item };
    done += 1;
  };
  const sendBatch = async (batch: readonly BulkJob[]): Promise<void> => {
    const results = await send(batch);
    for (const [at, { index, job }] of batch.entries()) {
      const result = results[at] ?? new Error('The store answered for fewer jobs than it was given.');
      if (result instanceof Error) {
        if (endsAll(result)) away ??= result;
        // An id of ours is worth telling where the job may be stored under it.
        settle(index, { ...('jobId' in result && { id: job.id }), status: 'rejected', error: result });
      } else {
        const { id, state, existed } = result;
        settle(index, { id, status: existed ? 'duplicate' : 'accepted', ...(state === 'outbox' && { state }) });
      }
    }
    isFirstDone = true;
    onProgress?.(done, total);
  };

  // The first command may have to be sent again, with the text of the script: those behind it would overtake it.
  let isFirstDone = false;
  const underWay = new Set<Promise<void>>();
  let batch: BulkJob[] = [];
  let bytes = 0;
  const flush = (): void => {
    if (batch.length === 0) return;
    const sending = sendBatch(batch);
    underWay.add(sending);
    void sending.then(
      () => underWay.delete(sending),
      () => underWay.delete(sending),
    );
    batch = [];
    bytes = 0;
  };

  const turns = new Turns();
  for (const [index, job] of jobs.entries()) {
    // To find out what is wrong with one takes longer than to take it.
    let worked = rejectedBytes;
    while (underWay.size >= (isFirstDone ? maxUnderWay() : 1)) await Promise.race(underWay);
    const stop = signal?.aborted === true ? new JobAddAbortedError() : notSent(away);
    if (stop !== undefined) {
      settle(index, { status: 'rejected', error: stop });
      continue;
    }
    try {
      const prepared = prepare(job);
      const size = sizeOf(prepared);
      if (bytes + size > maxBatchBytes) flush();
      bytes += size;
      const laterMs = Math.floor((index * (spreadMs ?? 0)) / total);
      const stored = spreadMs === undefined ? prepared : later(prepared, laterMs, startedAt);
      batch.push({ index, job: stored, source: job, laterMs });
      worked = size;
    } catch (error) {
      settle(index, { status: 'rejected', error: error instanceof Error ? error : new Error(String(error)) });
    }
    if (batch.length >= maxBatchJobs) flush();
    const turn = turns.worked(worked);
    if (turn !== undefined) await turn;
  }
  flush();
  await Promise.all(underWay);
  onProgress?.(done, total);
  const count = (status: AddManyItem['status']): number => items.filter((item) => item.status === status).length;
  return { accepted: count('accepted'), duplicates: count('duplicate'), rejected: count('rejected'), items };
}

/** All delays count from the start of the call, however long it takes to send the jobs. */
export function later(job: NewJob, byMs: number, timestamp: number): NewJob {
  const delay = (job.options.delay ?? 0) + byMs;
  return { ...job, options: { ...job.options, timestamp, ...(delay > 0 && { delay }) } };
}

function check(jobs: readonly AddJob[], spreadMs: number | undefined): void {
  if (spreadMs !== undefined && !limits.delayMs.holds(spreadMs)) {
    throw new JobOptionsInvalidError([{ path: '/spread', message: `${limits.delayMs.rule}.` }]);
  }
  if (jobs.length > maxBulkJobs) {
    throw new JobOptionsInvalidError([{ path: '/jobs', message: `must have at most ${maxBulkJobs} jobs.` }]);
  }
}

/** Of a job that was not sent it is known that it was not added, whatever became of those before. */
function notSent(away: Error | undefined): Error | undefined {
  if (away === undefined || !('jobId' in away)) return away;
  return new QueueUnavailableError('The store of the queue stopped answering before this job was sent.', {
    cause: away,
  });
}
