import type { Static } from 'typebox';
import { Type } from 'typebox';
import { answer } from './answers.ts';
import { Duration } from './durations.ts';
import { damaged, JobError, jobId, queueName } from './jobs/job.ts';
import { cursorOfPage, nextCursor } from './pages.ts';
import { bodyProblems, problems } from './problems.ts';
import { noBody, strictObject } from './requests.ts';
import { count, time } from './scalars.ts';

const tags = ['jobs'];
const params = strictObject({ q: queueName });
const ids = Type.Array(jobId, { minItems: 1, maxItems: 10_000 });
const limit = Type.Integer({ minimum: 1, maximum: 100_000, description: 'How many at most. Default: 10000.' });

export const DeadLetter = Type.Object(
  {
    id: Type.String(),
    queue: Type.String(),
    name: Type.String(),
    data: Type.Unknown(),
    error: JobError,
    stack: Type.Optional(Type.String({ description: 'Of the last attempt.' })),
    attemptsMade: count,
    createdAt: time,
    firstFailedAt: Type.Optional(time),
    failedAt: Type.String({ format: 'date-time', description: 'When it was given up.' }),
    damaged,
  },
  { title: 'DeadLetter', description: 'A job that has failed for good.' },
);
export type DeadLetter = Static<typeof DeadLetter>;

export const DeadLetterPage = Type.Object(
  { jobs: Type.Array(DeadLetter), cursor: nextCursor },
  { title: 'DeadLetterPage' },
);
export type DeadLetterPage = Static<typeof DeadLetterPage>;

export const RedriveResult = Type.Object(
  {
    redriven: count,
    failed: count,
    errors: Type.Array(Type.Object({ id: Type.String(), code: Type.String(), message: Type.String() })),
    remaining: Type.Integer({ minimum: 0, description: 'Still there; with `limit` reached, call again.' }),
  },
  { title: 'RedriveResult' },
);
export type RedriveResult = Static<typeof RedriveResult>;

export const CleanResult = Type.Object(
  { removed: count, remaining: Type.Integer({ minimum: 0, description: 'Left by the limit.' }) },
  { title: 'CleanResult' },
);
export type CleanResult = Static<typeof CleanResult>;

export const listDeadLetters = {
  operationId: 'listDeadLetters',
  summary: 'Jobs that have failed for good',
  description:
    'The newest first, as long as the retention of the queue keeps them. A page also ends with the job that brings it over 4 MiB.',
  tags,
  params,
  querystring: strictObject({
    cursor: cursorOfPage,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50, description: 'Jobs a page.' })),
  }),
  response: {
    200: answer('A page.', DeadLetterPage, {
      jobs: [
        {
          id: 'order-8',
          queue: 'http-delivery',
          name: 'http-delivery',
          data: { url: 'https://example.com/gone' },
          error: { code: 'DELIVERY_REJECTED', message: 'The receiver answered 410.' },
          attemptsMade: 1,
          createdAt: '2026-01-01T00:00:00.000Z',
          firstFailedAt: '2026-01-01T00:00:00.046Z',
          failedAt: '2026-01-01T00:00:00.046Z',
        },
      ],
      cursor: null,
    }),
    ...problems('QUEUE_UNKNOWN', 'QUEUE_UNAVAILABLE'),
  },
};

export const redriveDeadLetters = {
  operationId: 'redriveDeadLetters',
  summary: 'Let dead letters run again',
  description:
    'With all their attempts and under the same ids: those of `ids`, or all that had failed before the call, the oldest first. How long they may wait, and their age among those that wait, count from now. It goes in batches and can be repeated.',
  tags,
  params,
  body: Type.Union([noBody, strictObject({ ids }), strictObject({ limit })]),
  response: {
    200: answer('What became of them.', RedriveResult, {
      redriven: 1,
      failed: 1,
      errors: [{ id: 'nobody', code: 'JOB_NOT_FOUND', message: 'The queue has no job with this id.' }],
      remaining: 0,
    }),
    ...problems(...bodyProblems, 'QUEUE_UNKNOWN', 'QUEUE_UNAVAILABLE', 'QUEUE_OUTCOME_UNKNOWN'),
  },
};

export const cleanDeadLetters = {
  operationId: 'cleanDeadLetters',
  summary: 'Remove dead letters',
  description: 'Those of `ids`, or all; with `olderThan` only those that failed at least so long ago.',
  tags,
  params,
  body: Type.Union([
    noBody,
    strictObject({ ids, olderThan: Type.Optional(Duration) }),
    strictObject({ olderThan: Type.Optional(Duration), limit: Type.Optional(limit) }),
  ]),
  response: {
    200: answer('How many are gone.', CleanResult, { removed: 12, remaining: 0 }),
    ...problems(...bodyProblems, 'QUEUE_UNKNOWN', 'QUEUE_UNAVAILABLE', 'QUEUE_OUTCOME_UNKNOWN'),
  },
};
