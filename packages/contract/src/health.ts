import { Type } from 'typebox';
import { jsonResponse } from './schema.ts';

const status = Type.Union([Type.Literal('ok'), Type.Literal('degraded'), Type.Literal('down')]);
const simple = Type.Object({ status: Type.String() });

const fault = Type.Optional(
  Type.String({
    description:
      'The kind of the reason: `refused`, `unresolved`, `unreachable`, `silent`, `closed`, `not-redis`, `too-old`, `no-tls`, `certificate`, `no-database`, `full`, `not-ready`, `other`; or `password-wanted`, `password-refused`, `forbidden`, where it is there and refuses access.',
  }),
);

const redis = {
  available: Type.Boolean({ description: 'Whether there is a Redis to which a call made now would be sent.' }),
  healthy: Type.Boolean({ description: 'Whether it took a write just now; also true where none is configured.' }),
  latencyMs: Type.Union([Type.Number(), Type.Null()]),
  breaker: Type.Union([Type.Literal('closed'), Type.Literal('open')]),
  reason: Type.Optional(
    Type.String({ description: 'Why it is not available: the address, what is wrong, what to do.' }),
  ),
  fault,
  warnings: Type.Array(Type.String(), {
    description:
      'What does not fit its use although it answers: an eviction policy that can lose jobs, or fill up a cache.',
  }),
};

const outbox = Type.Object({
  waiting: Type.Integer({ minimum: 0, description: 'Jobs that wait to be forwarded.' }),
  setAside: Type.Integer({
    minimum: 0,
    description: 'Jobs that cannot be forwarded as they are; GET of one says why.',
  }),
  bytes: Type.Integer({ minimum: 0 }),
  maxBytes: Type.Integer({ minimum: 0 }),
  oldestAgeMs: Type.Integer({ minimum: 0, description: 'Of the job that waits longest; 0 when none does.' }),
  accepting: Type.Boolean({ description: 'Whether a job would be taken now.' }),
  reason: Type.Optional(Type.String({ description: 'Why none is taken, or why none was forwarded lately.' })),
});

export const report = Type.Object({
  status,
  version: Type.String(),
  uptime: Type.Number({ description: 'Seconds.' }),
  mode: Type.Union([Type.Literal('embedded'), Type.Literal('redis'), Type.Literal('upstash')]),
  redis: Type.Object({
    ...redis,
    cacheManager: Type.Object({
      available: Type.Boolean(),
      configuration: Type.Object({
        defaultBackend: Type.String(),
        enableFallback: Type.Boolean(),
        cacheCount: Type.Integer(),
        redisConnected: Type.Boolean(),
      }),
    }),
  }),
  dependencies: Type.Object({ redis: Type.Object({ cache: Type.Object(redis), durable: Type.Object(redis) }) }),
  queues: Type.Object({
    available: Type.Boolean(),
    backend: Type.String(),
    names: Type.Array(Type.String()),
    reason: Type.Optional(Type.String()),
    fault,
  }),
  outbox: Type.Union([outbox, Type.Null()], {
    description: 'Jobs that wait in this process for the Redis of the queues. null: none are taken.',
  }),
});

const tags = ['operations'];

export const getLive = {
  operationId: 'getLive',
  summary: 'Whether the process runs',
  description: 'Never touches Redis: restarting this process would not heal it.',
  tags,
  response: { 200: jsonResponse('It runs.', simple) },
};

export const getReady = {
  operationId: 'getReady',
  summary: 'Whether requests should be sent here',
  tags,
  response: {
    200: jsonResponse('Yes. With fallback on, also while Redis is away.', simple),
    503: jsonResponse(
      'No: it is shutting down, Redis is away and fallback is off, or Redis has never let this process in.',
      simple,
    ),
  },
};

export const getHealth = {
  operationId: 'getHealth',
  summary: 'The state of the service and of what it depends on',
  tags,
  response: { 200: jsonResponse('ok or degraded.', report), 503: jsonResponse('down.', report) },
};
