import { Type } from 'typebox';
import { emptyResponse, jsonResponse, noBody, problems, strictObject } from '../schema.ts';
import { cursorOfPage, jobId, jobStanding, jobView, listedState, nextCursor, queueName } from './job.ts';

const tags = ['jobs'];
const params = strictObject({ q: queueName, id: jobId });

export const listJobs = {
  operationId: 'listJobs',
  summary: 'Jobs of a queue, page by page',
  description:
    'Those that run next first; those that have ended, the last one first. Without `state`, one state after another. A job that stays in its state is seen at least once. A page holds at most `limit` jobs and some 4 MiB; with `name`, 2000 jobs are looked at for a page, which may be empty while `cursor` is not null. The logs of a job come with the job alone.',
  tags,
  params: strictObject({ q: queueName }),
  querystring: strictObject({
    state: Type.Optional(listedState),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Only jobs of this name.' })),
    cursor: cursorOfPage,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
  }),
  response: {
    200: jsonResponse('A page.', Type.Object({ jobs: Type.Array(jobView), cursor: nextCursor })),
    ...problems(404),
  },
};

export const removeJob = {
  operationId: 'removeJob',
  summary: 'Remove a job',
  description:
    'In any state but `active`, with its logs; one that no worker can read in any state. The next job of a schedule goes with the schedule only.',
  tags,
  params,
  response: { 204: emptyResponse('Removed.'), ...problems(404, 409, 415) },
};

export const retryJob = {
  operationId: 'retryJob',
  summary: 'Let a failed job run again',
  description: 'At once, with all its attempts and under the same id.',
  tags,
  params,
  response: { 200: jsonResponse('It waits again.', jobStanding), ...problems(404, 409, 415) },
};

export const cancelJob = {
  operationId: 'cancelJob',
  summary: 'Cancel a job',
  description:
    'One that waits fails with JOB_CANCELLED as soon as a worker is free, without being run; in that moment it is `active` too. One that runs is told so through the signal of its handler, in whatever process it is, and its state is `active` until it has ended; follow it with `?wait`.',
  tags,
  params,
  body: Type.Union([noBody, strictObject({ reason: Type.String({ minLength: 1, maxLength: 500 }) })]),
  response: { 200: jsonResponse('It will not go on.', jobStanding), ...problems(404, 409, 413, 415) },
};

export const promoteJob = {
  operationId: 'promoteJob',
  summary: 'Let a delayed job run now',
  tags,
  params,
  response: { 200: jsonResponse('It waits for a worker.', jobStanding), ...problems(404, 409, 415) },
};
