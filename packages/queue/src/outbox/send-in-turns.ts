import type { QueueHandle } from '../port/backend.ts';
import type { AddedJob, NewJob } from '../job/new-job.ts';
import { QueueOutcomeUnknownError, QueueUnavailableError } from '../job/errors.ts';
import { maxBatchBytes, maxBatchJobs } from '../job/limits.ts';
import { sizeOf } from '../producing/add-batcher.ts';

/**
 * Adds jobs in their order, a command for as many as the store may be kept busy with. After a command that failed for
 * one of its jobs no other is sent: those jobs are said to be refused by a store that is away.
 *
 * @returns a result per job
 */
export async function sendInTurns(
  handle: Pick<QueueHandle, 'addMany'>,
  jobs: readonly NewJob[],
): Promise<(AddedJob | Error)[]> {
  const results: (AddedJob | Error)[] = [];
  const unanswered = new QueueOutcomeUnknownError('The store did not answer for all jobs.');
  while (results.length < jobs.length && !results.some((result) => result instanceof Error)) {
    const turn = turnOf(jobs.slice(results.length, results.length + maxBatchJobs));
    const replies = await handle.addMany(turn);
    results.push(...turn.map((_, index) => replies[index] ?? unanswered));
  }
  const unsent = new QueueUnavailableError('It was not sent: the store failed on one before it.');
  return jobs.map((_, index) => results[index] ?? unsent);
}

/** As many of the first jobs as fit; at least one. */
function turnOf(jobs: readonly NewJob[]): readonly NewJob[] {
  let bytes = 0;
  const end = jobs.findIndex((job, index) => {
    bytes += sizeOf(job);
    return index > 0 && bytes > maxBatchBytes;
  });
  return end === -1 ? jobs : jobs.slice(0, end);
}
