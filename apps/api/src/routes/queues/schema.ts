import { Type } from 'typebox';
import { jsonResponse, problems, strictObject } from '../../schema.ts';

const count = Type.Integer({ minimum: 0 });

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
  oldestWaitingAgeMs: Type.Integer({ minimum: 0, description: '0 when none waits.' }),
  workers: Type.Integer({ minimum: 0, description: 'Consumers that are connected, in all processes.' }),
  policy: Type.Object({}, { additionalProperties: true, description: 'Attempts, backoff, retention, schedule.' }),
});

export const listQueues = {
  operationId: 'listQueues',
  summary: 'All queues',
  tags: ['queues'],
  response: {
    200: jsonResponse('With backlog, age and policy.', Type.Object({ queues: Type.Array(queueSummary) })),
    ...problems(),
  },
};

export const getQueue = {
  operationId: 'getQueue',
  summary: 'One queue',
  tags: ['queues'],
  params: strictObject({ q: Type.String({ description: 'The queue.', examples: ['source-sync'] }) }),
  response: { 200: jsonResponse('With backlog, age and policy.', queueSummary), ...problems(404) },
};
