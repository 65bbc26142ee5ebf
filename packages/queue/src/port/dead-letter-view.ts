import { isoTime, parseFailure } from '../job/job-view.ts';
import type { DeadLetter, DeadLetterPage } from '../job/dead-letter.ts';
import { readStacks } from '../job/failure-record.ts';
import { writeListCursor } from './dead-letter-cursor.ts';

/** Bytes of data on a page, at most; one job that has more has a page of its own. */
export const maxPageBytes: number = 4 * 1024 * 1024;

/** What a store knows of a dead letter; times in milliseconds since the epoch. */
export interface StoredDeadLetter {
  readonly id: string;
  readonly failedAt: number;
  /** The same as it is stored, by which they are in order. */
  readonly place: number;
  readonly name: string;
  readonly data: unknown;
  readonly reason: string;
  /** BullMQ's `stacktrace`: an array of texts, if everything is as it should be. */
  readonly stacks: unknown;
  readonly attemptsMade: number;
  readonly createdAt: number;
  /** See `JobView.damaged`. */
  readonly damaged?: readonly string[];
}

/** @param more whether there are jobs behind these */
export function toPage(queue: string, jobs: readonly StoredDeadLetter[], more: boolean): DeadLetterPage {
  const last = jobs.at(-1);
  return {
    jobs: jobs.map((job) => toDeadLetter(queue, job)),
    cursor: more && last !== undefined ? writeListCursor({ failedAt: last.place, id: last.id }) : null,
  };
}

function toDeadLetter(queue: string, job: StoredDeadLetter): DeadLetter {
  const { stack, firstFailedAt } = readStacks(job.stacks);
  const failedAt = isoTime(job.failedAt);
  return {
    id: job.id,
    queue,
    name: job.name,
    data: job.data,
    error: parseFailure(job.reason),
    ...(stack !== undefined && { stack }),
    attemptsMade: job.attemptsMade,
    createdAt: isoTime(job.createdAt),
    ...firstOf(firstFailedAt, job.attemptsMade <= 1 ? failedAt : undefined),
    failedAt,
    ...(job.damaged !== undefined && { damaged: job.damaged }),
  };
}

function firstOf(recorded: string | undefined, derived: string | undefined): { firstFailedAt?: string } {
  const firstFailedAt = recorded ?? derived;
  return firstFailedAt === undefined ? {} : { firstFailedAt };
}
