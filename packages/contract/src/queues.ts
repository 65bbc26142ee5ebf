import { Type } from 'typebox';
import { durationValue, jsonResponse, noBody, problems, strictObject } from './schema.ts';

/** The states that can be cleaned. */
export const cleanableStates = ['completed', 'failed', 'waiting', 'prioritized', 'delayed'] as const;

const count = Type.Integer({ minimum: 0 });
const tags = ['queues'];
const params = strictObject({ q: Type.String({ description: 'The queue.', examples: ['source-sync'] }) });

const queueSummary = Type.Object({
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
  workers: Type.Integer({ minimum: 0, description: 'Consumers that are connected, in all processes.' }),
  policy: Type.Object({}, { additionalProperties: true, description: 'Attempts, backoff, retention, schedule.' }),
});

const removed = jsonResponse('How many were removed.', Type.Object({ removed: count }));

export const listQueues = {
  operationId: 'listQueues',
  summary: 'All queues',
  tags,
  response: {
    200: jsonResponse('With backlog, age and policy.', Type.Object({ queues: Type.Array(queueSummary) })),
    ...problems(),
  },
};

export const getQueue = {
  operationId: 'getQueue',
  summary: 'One queue',
  tags,
  params,
  response: { 200: jsonResponse('With backlog, age and policy.', queueSummary), ...problems(404) },
};

export const pauseQueue = {
  operationId: 'pauseQueue',
  summary: 'Let no worker take jobs of this queue',
  description: 'In any process, until it is resumed. Jobs that run go on, and jobs can be added.',
  tags,
  params,
  response: { 200: jsonResponse('The queue.', queueSummary), ...problems(404, 415) },
};

export const resumeQueue = {
  operationId: 'resumeQueue',
  summary: 'Let workers take jobs again',
  tags,
  params,
  response: { 200: jsonResponse('The queue.', queueSummary), ...problems(404, 415) },
};

export const drainQueue = {
  operationId: 'drainQueue',
  summary: 'Remove the jobs that wait',
  description:
    'Those that run or have ended stay, and so does the next job of a schedule. It goes in batches; after an error some are gone, and it can be repeated.',
  tags,
  params,
  body: Type.Union([
    noBody,
    strictObject({ delayed: Type.Boolean({ description: 'Those that are delayed, too. Default: false.' }) }),
  ]),
  response: { 200: removed, ...problems(404, 413, 415) },
};

export const cleanQueue = {
  operationId: 'cleanQueue',
  summary: 'Remove old jobs of one state',
  description:
    '`olderThan` counts from the end of a job that has ended, otherwise from when it was added. It goes in batches; after an error some are gone, and it can be repeated.',
  tags,
  params,
  body: strictObject(
    {
      state: Type.Union(
        cleanableStates.map((state) => Type.Literal(state)),
        { description: `${cleanableStates.join(', ')}.` },
      ),
      olderThan: Type.Optional(durationValue),
      limit: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 10_000, description: 'How many at most. Default: 1000.' }),
      ),
    },
    { examples: [{ state: 'completed', olderThan: '1d' }] },
  ),
  response: { 200: removed, ...problems(404, 413, 415) },
};
