import type { Static } from 'typebox';
import { Type } from 'typebox';
import { answer, withHeaders } from '../answers.ts';
import { durationText } from '../durations.ts';
import { bodyProblems, problems } from '../problems.ts';
import { strictObject } from '../requests.ts';
import { exampleJob, Job, jobId, JobState, queueName } from './job.ts';
import { NewJob } from './new-job.ts';

export const AddedJob = Type.Object(
  {
    id: Type.String(),
    queue: Type.String(),
    state: JobState,
    duplicate: Type.Boolean({ description: 'Whether a job with this id was there already.' }),
  },
  { title: 'AddedJob' },
);
export type AddedJob = Static<typeof AddedJob>;

/** A job that was accepted while the Redis of the queues is away. */
export const KeptJob = Type.Object(
  { id: Type.String(), queue: Type.String(), accepted: Type.Literal('outbox') },
  { title: 'KeptJob' },
);
export type KeptJob = Static<typeof KeptJob>;

const location = { location: { type: 'string', description: 'The job.' } } as const;

export const addJob = {
  operationId: 'addJob',
  summary: 'Add a job',
  description:
    '`data` must fit the schema of the queue. A retry with the same `options.jobId` is safe as long as the queue keeps the job.',
  tags: ['jobs'],
  params: strictObject({ q: queueName }),
  body: NewJob,
  response: {
    200: answer('A job with this id exists: nothing was added.', AddedJob, {
      id: 'order-7',
      queue: 'http-delivery',
      state: 'completed',
      duplicate: true,
    }),
    201: withHeaders(
      answer('Added.', AddedJob, { id: 'order-7', queue: 'http-delivery', state: 'waiting', duplicate: false }),
      location,
    ),
    202: withHeaders(
      answer('Its Redis is away: the job is kept on the disk of this process, and added when it is back.', KeptJob, {
        id: 'order-7',
        queue: 'http-delivery',
        accepted: 'outbox',
      }),
      location,
    ),
    ...problems(
      ...bodyProblems,
      'JOB_OPTIONS_INVALID',
      'QUEUE_UNKNOWN',
      'QUEUE_DISABLED',
      'JOB_TOO_LARGE',
      'JOB_INVALID',
      'QUEUE_UNAVAILABLE',
      'QUEUE_OUTCOME_UNKNOWN',
      'QUEUE_BUSY',
      'OUTBOX_FULL',
      'OUTBOX_UNAVAILABLE',
      'OUTBOX_UNKNOWN',
      'QUEUE_OUT_OF_MEMORY',
    ),
  },
};

export const getJob = {
  operationId: 'getJob',
  summary: 'Follow a job',
  description:
    '`wait` answers as soon as the job has finished, at the latest after that time with its state by then. It tells the end also of a job that the queue keeps no longer: with `removeOnComplete`, or because others pushed it out.',
  tags: ['jobs'],
  params: strictObject({ q: queueName, id: jobId }),
  querystring: strictObject({
    wait: Type.Optional({
      ...durationText,
      description: 'How long to wait for its end, at most 30s.',
      examples: ['10s'],
    }),
  }),
  response: {
    200: answer('The job.', Job, exampleJob),
    ...problems('QUEUE_UNKNOWN', 'JOB_NOT_FOUND', 'QUEUE_UNAVAILABLE'),
  },
};
