import type { Static } from 'typebox';
import { Type } from 'typebox';
import { answer } from './answers.ts';
import { Duration } from './durations.ts';
import { bodyProblems, problems } from './problems.ts';
import { noBody, strictObject } from './requests.ts';
import { count } from './scalars.ts';

/** The states that can be cleaned. */
export const cleanableStates = ['completed', 'failed', 'waiting', 'prioritized', 'delayed'] as const;

const tags = ['queues'];
const params = strictObject({ q: Type.String({ description: 'The queue.', examples: ['source-sync'] }) });

export const Queue = Type.Object(
  {
    name: Type.String(),
    prefix: Type.String(),
    paused: Type.Boolean(),
    counts: Type.Object({
      waiting: count,
      prioritized: count,
      active: count,
      delayed: count,
      completed: count,
      failed: count,
      waitingChildren: count,
    }),
    oldestWaitingAgeMs: Type.Integer({ minimum: 0, description: '0 when none could run, as in a paused queue.' }),
    workers: Type.Integer({
      minimum: 0,
      description:
        'Consumers that have said lately that they are there, in all processes; not those of programs with BullMQ alone.',
    }),
    policy: Type.Object({}, { additionalProperties: true, description: 'Attempts, backoff, retention, schedule.' }),
  },
  { title: 'Queue', description: 'A queue with its backlog, age and policy.' },
);
export type Queue = Static<typeof Queue>;

export const PayloadSchema = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  additionalProperties: true,
  title: 'PayloadSchema',
  description: 'A JSON Schema, as https://json-schema.org/draft/2020-12/schema describes it.',
});
export type PayloadSchema = Static<typeof PayloadSchema>;

export const QueueList = Type.Object({ queues: Type.Array(Queue) }, { title: 'QueueList' });
export type QueueList = Static<typeof QueueList>;

export const Removed = Type.Object({ removed: count }, { title: 'Removed', description: 'How many jobs are gone.' });
export type Removed = Static<typeof Removed>;

const example: Queue = {
  name: 'source-sync',
  prefix: 'holdfast:jobs:source-sync',
  paused: false,
  counts: { waiting: 0, prioritized: 1, active: 1, delayed: 1, completed: 24, failed: 0, waitingChildren: 0 },
  oldestWaitingAgeMs: 40,
  workers: 1,
  policy: { description: 'Mirrors the collections of the upstream API into the cache.', attempts: 3, concurrency: 1 },
};

const removed = answer('How many were removed.', Removed, { removed: 12 });

export const listQueues = {
  operationId: 'listQueues',
  summary: 'All queues',
  description: 'Those of the service and those that the configuration declares.',
  tags,
  response: {
    200: answer('With backlog, age and policy.', QueueList, { queues: [example] }),
    ...problems('QUEUE_UNAVAILABLE'),
  },
};

export const getQueue = {
  operationId: 'getQueue',
  summary: 'One queue',
  description: 'Its jobs by state, how long the oldest of them waits, and what holds for each job.',
  tags,
  params,
  response: {
    200: answer('With backlog, age and policy.', Queue, example),
    ...problems('QUEUE_UNKNOWN', 'QUEUE_UNAVAILABLE'),
  },
};

export const getPayloadSchema = {
  operationId: 'getPayloadSchema',
  summary: 'What the jobs of a queue carry',
  description:
    'The JSON Schema (draft 2020-12) that the `data` of a job must fit, for forms, generators of types and checks before a job is sent. A job that does not fit is answered with JOB_INVALID.',
  tags,
  params,
  response: {
    200: answer('The schema.', PayloadSchema, {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: { source: { type: 'string' } },
      required: ['source'],
      additionalProperties: false,
    }),
    // It is known without the store of the queue.
    ...problems('QUEUE_UNKNOWN', 'QUEUE_DISABLED'),
  },
};

export const pauseQueue = {
  operationId: 'pauseQueue',
  summary: 'Let no worker take jobs of this queue',
  description: 'In any process, until it is resumed. Jobs that run go on, and jobs can be added.',
  tags,
  params,
  response: {
    200: answer('The queue.', Queue, { ...example, paused: true }),
    ...problems('QUEUE_UNKNOWN', 'UNSUPPORTED_MEDIA_TYPE', 'QUEUE_UNAVAILABLE', 'QUEUE_OUTCOME_UNKNOWN'),
  },
};

export const resumeQueue = {
  operationId: 'resumeQueue',
  summary: 'Let workers take jobs again',
  description: 'In all processes. A queue that is not paused stays as it is.',
  tags,
  params,
  response: {
    200: answer('The queue.', Queue, example),
    ...problems('QUEUE_UNKNOWN', 'UNSUPPORTED_MEDIA_TYPE', 'QUEUE_UNAVAILABLE', 'QUEUE_OUTCOME_UNKNOWN'),
  },
};

export const drainQueue = {
  operationId: 'drainQueue',
  summary: 'Remove the jobs that wait',
  description:
    'Those that run or have ended stay, and so does the next job of a schedule. A job that waited for one that is removed, as its parent, fails with JOB_CHILD_REMOVED, or goes on without it if it was to be ignored when it fails. It goes in batches; after an error some are gone, and it can be repeated.',
  tags,
  params,
  body: Type.Union([
    noBody,
    strictObject({ delayed: Type.Boolean({ description: 'Those that are delayed, too. Default: false.' }) }),
  ]),
  response: {
    200: removed,
    ...problems(...bodyProblems, 'QUEUE_UNKNOWN', 'QUEUE_UNAVAILABLE', 'QUEUE_OUTCOME_UNKNOWN'),
  },
};

export const cleanQueue = {
  operationId: 'cleanQueue',
  summary: 'Remove old jobs of one state',
  description:
    '`olderThan` counts from the end of a job that has ended, otherwise from when it was added, or redriven. What is said of parents at `drain` holds here as well. It goes in batches; after an error some are gone, and it can be repeated.',
  tags,
  params,
  body: strictObject(
    {
      state: Type.Union(
        cleanableStates.map((state) => Type.Literal(state)),
        { description: `${cleanableStates.join(', ')}.` },
      ),
      olderThan: Type.Optional(Duration),
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 10_000, description: 'How many at most. Default: 1000.' }),
      ),
    },
    { examples: [{ state: 'completed', olderThan: '1d' }] },
  ),
  response: {
    200: removed,
    ...problems(...bodyProblems, 'QUEUE_UNKNOWN', 'QUEUE_UNAVAILABLE', 'QUEUE_OUTCOME_UNKNOWN'),
  },
};
