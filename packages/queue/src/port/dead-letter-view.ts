import { isoTime, parseFailure } from '../job/job-view.ts';
import type { DeadLetter } from '../job/dead-letter.ts';
import { readStacks } from '../job/failure-record.ts';
import type { ListedJob } from './job-store.ts';

export function toDeadLetter(queue: string, job: ListedJob): DeadLetter {
  const { stack, firstFailedAt } = readStacks(job.stacks);
  const failedAt = isoTime(job.finishedOn ?? 0);
  return {
    id: job.id,
    queue,
    name: job.name,
    data: job.data,
    error: parseFailure(job.failedReason ?? ''),
    ...(stack !== undefined && { stack }),
    attemptsMade: job.attemptsMade,
    createdAt: isoTime(job.timestamp),
    ...firstOf(firstFailedAt, job.attemptsMade <= 1 ? failedAt : undefined),
    failedAt,
    ...(job.damaged !== undefined && { damaged: job.damaged.map(nameHere) }),
  };
}

/** What a list of jobs calls `finishedAt`. */
function nameHere(field: string): string {
  return field === 'finishedAt' ? 'failedAt' : field;
}

function firstOf(recorded: string | undefined, derived: string | undefined): { firstFailedAt?: string } {
  const firstFailedAt = recorded ?? derived;
  return firstFailedAt === undefined ? {} : { firstFailedAt };
}
