import { Type } from 'typebox';
import { durationValue, jsonResponse, noBody, problems, strictObject } from './schema.ts';
import { cursorOfPage, damaged, jobId, nextCursor, queueName } from './jobs/job.ts';

const tags = ['jobs'];
const params = strictObject({ q: queueName });
const count = Type.Integer({ minimum: 0 });
const ids = Type.Array(jobId, { minItems: 1, maxItems: 10_000 });
const limit = Type.Integer({ minimum: 1, maximum: 100_000, description: 'How many at most. Default: 10000.' });

const deadLetter = Type.Object({
  id: Type.String(),
  queue: Type.String(),
  name: Type.String(),
  data: Type.Unknown(),
  error: Type.Object({ code: Type.String(), message: Type.String() }),
  stack: Type.Optional(Type.String({ description: 'Of the last attempt.' })),
  attemptsMade: count,
  createdAt: Type.String(),
  firstFailedAt: Type.Optional(Type.String()),
  failedAt: Type.String({ description: 'When it was given up.' }),
  damaged,
});

export const listDeadLetters = {
  operationId: 'listDeadLetters',
  summary: 'Jobs that have failed for good',
  description: 'The newest first, as long as the retention of the queue keeps them. A page also ends at 4 MiB of data.',
  tags,
  params,
  querystring: strictObject({
    cursor: cursorOfPage,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
  }),
  response: {
    200: jsonResponse('A page.', Type.Object({ jobs: Type.Array(deadLetter), cursor: nextCursor })),
    ...problems(404),
  },
};

export const redriveDeadLetters = {
  operationId: 'redriveDeadLetters',
  summary: 'Let dead letters run again',
  description:
    'With all their attempts and under the same ids: those of `ids`, or all that had failed before the call, the oldest first. It goes in batches and can be repeated.',
  tags,
  params,
  body: Type.Union([noBody, strictObject({ ids }), strictObject({ limit })]),
  response: {
    200: jsonResponse(
      'What became of them.',
      Type.Object({
        redriven: count,
        failed: count,
        errors: Type.Array(Type.Object({ id: Type.String(), code: Type.String(), message: Type.String() })),
        remaining: Type.Integer({ minimum: 0, description: 'Still there; with `limit` reached, call again.' }),
      }),
    ),
    ...problems(404, 413, 415),
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
    strictObject({ ids, olderThan: Type.Optional(durationValue) }),
    strictObject({ olderThan: Type.Optional(durationValue), limit: Type.Optional(limit) }),
  ]),
  response: {
    200: jsonResponse(
      'How many are gone.',
      Type.Object({ removed: count, remaining: Type.Integer({ minimum: 0, description: 'Left by the limit.' }) }),
    ),
    ...problems(404, 413, 415),
  },
};
