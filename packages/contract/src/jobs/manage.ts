import type { Static } from 'typebox';
import { Type } from 'typebox';
import { answer, emptyAnswer } from '../answers.ts';
import { cursorOfPage, nextCursor } from '../pages.ts';
import { bodyProblems, problems } from '../problems.ts';
import { noBody, strictObject } from '../requests.ts';
import { exampleJob, Job, jobId, JobStanding, listedState, queueName } from './job.ts';

export const JobPage = Type.Object({ jobs: Type.Array(Job), cursor: nextCursor }, { title: 'JobPage' });
export type JobPage = Static<typeof JobPage>;

const tags = ['jobs'];
const params = strictObject({ q: queueName, id: jobId });
const ofOne = [
  'QUEUE_UNKNOWN',
  'JOB_NOT_FOUND',
  'JOB_STATE_CONFLICT',
  'UNSUPPORTED_MEDIA_TYPE',
  'QUEUE_UNAVAILABLE',
  'QUEUE_OUTCOME_UNKNOWN',
] as const;
const standing = (state: JobStanding['state']): JobStanding => ({ id: 'order-7', queue: 'http-delivery', state });

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
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Jobs a page.' })),
  }),
  response: {
    200: answer('A page.', JobPage, { jobs: [exampleJob], cursor: null }),
    ...problems('QUEUE_UNKNOWN', 'QUEUE_UNAVAILABLE'),
  },
};

export const removeJob = {
  operationId: 'removeJob',
  summary: 'Remove a job',
  description:
    'In any state but `active`, with its logs; one that no worker can read in any state. Where another job waits for it, as its parent, that fails with JOB_CHILD_REMOVED, or goes on without it if it was to be ignored when it fails. The next job of a schedule goes with the schedule only.',
  tags,
  params,
  response: { 204: emptyAnswer('Removed.'), ...problems(...ofOne) },
};

export const retryJob = {
  operationId: 'retryJob',
  summary: 'Let a failed job run again',
  description:
    'At once, with all its attempts and under the same id. How long it may wait, and its age among those that wait, count from now.',
  tags,
  params,
  response: {
    200: answer('It waits again.', JobStanding, standing('prioritized')),
    ...problems(...ofOne, 'QUEUE_OUT_OF_MEMORY'),
  },
};

export const cancelJob = {
  operationId: 'cancelJob',
  summary: 'Cancel a job',
  description:
    'One that waits or is delayed fails with JOB_CANCELLED here and now, without a worker. The next job of a schedule is refused: pause or delete that. One that runs is told so through the signal of its handler, in whatever process it is, and its state is `active` until it has ended; follow it with `?wait`.',
  tags,
  params,
  body: Type.Union([noBody, strictObject({ reason: Type.String({ minLength: 1, maxLength: 500 }) })]),
  response: {
    200: answer('It will not go on.', JobStanding, standing('failed')),
    ...problems(...ofOne, ...bodyProblems),
  },
};

export const promoteJob = {
  operationId: 'promoteJob',
  summary: 'Let a delayed job run now',
  description: 'It waits in line like any other; its delay is gone.',
  tags,
  params,
  response: {
    200: answer('It waits for a worker.', JobStanding, standing('prioritized')),
    ...problems(...ofOne, 'QUEUE_OUT_OF_MEMORY'),
  },
};
