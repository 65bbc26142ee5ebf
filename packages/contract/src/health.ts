import type { Static } from 'typebox';
import { Type } from 'typebox';
import { answer } from './answers.ts';
import { openProblems } from './problems.ts';
import { oneOf } from './scalars.ts';

const status = Type.Union([Type.Literal('ok'), Type.Literal('degraded'), Type.Literal('down')]);

/** `closing`: the process ends. */
export const Readiness = Type.Object({ status: oneOf(['ok', 'down', 'closing']) }, { title: 'Readiness' });
export type Readiness = Static<typeof Readiness>;

const faults = [
  'refused',
  'unresolved',
  'unreachable',
  'silent',
  'closed',
  'not-redis',
  'too-old',
  'no-tls',
  'certificate',
  'password-wanted',
  'password-refused',
  'forbidden',
  'no-database',
  'full',
  'over-quota',
  'not-ready',
  'read-only',
  'not-persisting',
  'too-few-replicas',
  'out-of-memory',
  'other',
] as const;

const fault = Type.Optional(
  oneOf(faults, {
    description:
      'The kind of the reason: `refused`, `unresolved`, `unreachable`, `silent`, `closed`, `not-redis`, `too-old`, `no-tls`, `certificate`, `no-database`, `full`, `over-quota`, `not-ready`, `other`; `read-only`, `not-persisting`, `too-few-replicas`, `out-of-memory`, where it is there and refuses writes; or `password-wanted`, `password-refused`, `forbidden`, where it refuses access.',
  }),
);

const redis = {
  available: Type.Boolean({ description: 'Whether there is a Redis to which a call made now would be sent.' }),
  healthy: Type.Boolean({
    description:
      'Whether it did all that was asked of it just now, a write included; also true where none is configured.',
  }),
  latencyMs: Type.Union([Type.Number(), Type.Null()]),
  breaker: Type.Union([Type.Literal('closed'), Type.Literal('open')]),
  reason: Type.Optional(
    Type.String({ description: 'Why it is not available: the address, what is wrong, what to do.' }),
  ),
  fault,
  limits: Type.Array(
    Type.Object({
      kind: oneOf(['clock', 'info', 'tracking']),
      reason: Type.String(),
    }),
    {
      description:
        'What this Redis refuses and Holdfast does without, with what follows from it: `clock` (TIME), `info` (INFO), `tracking` (CLIENT TRACKING and its subscription). Nothing of it is a fault.',
    },
  ),
  warnings: Type.Array(Type.String(), {
    description:
      'What does not fit its use although it answers: an eviction policy that can lose jobs, or fill up a cache.',
  }),
};

export const Outbox = Type.Object(
  {
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
  },
  { title: 'Outbox', description: 'Jobs that wait in a process for the Redis of the queues.' },
);
export type Outbox = Static<typeof Outbox>;

export const Disk = Type.Object(
  {
    status: oneOf(['well', 'full', 'damaged', 'hung', 'unusable'], {
      description:
        '`full`: there is no room. `damaged`: a file was damaged, and lies in the folder under another name. `hung`: the disk does not answer. `unusable`: anything else, such as rights, or another process that has the folder.',
    }),
    reason: Type.Optional(Type.String({ description: 'Why it is not well.' })),
    volume: oneOf(['disk', 'ephemeral', 'claim'], {
      description:
        'What the folder lies on, and so what a 202 outlives, as `HOLDFAST_DATA_VOLUME` says: `ephemeral` the process and not its pod, `claim` the pod, `disk` whatever its machine or mount does.',
    }),
    claim: Type.Optional(Type.String({ description: 'The PersistentVolumeClaim, where `volume` is `claim`.' })),
  },
  {
    title: 'Disk',
    description: 'The data folder of a process, where it keeps jobs and invalidations until its Redis is back.',
  },
);
export type Disk = Static<typeof Disk>;

export const Refusal = Type.Object(
  {
    connection: Type.String({ description: '`cache`, `durable`, or `queue`.' }),
    work: oneOf(['read', 'write', 'queue']),
    reason: Type.String({ description: 'The address, what is wrong, and what to do where that is known.' }),
    fault: oneOf(faults),
  },
  { title: 'Refusal', description: 'Work that a Redis which is there does not do, or not for everybody.' },
);
export type Refusal = Static<typeof Refusal>;

export const Redis = Type.Object(redis, { title: 'Redis', description: 'A Redis as this process finds it.' });
export type Redis = Static<typeof Redis>;

export const Health = Type.Object(
  {
    status,
    version: Type.String(),
    uptime: Type.Number({ description: 'Seconds.' }),
    available: Type.Object(
      {
        read: Type.Boolean({ description: 'Whether entries of the cache are read.' }),
        write: Type.Boolean({ description: 'Whether entries of the cache are written and removed.' }),
        queue: Type.Boolean({ description: 'Whether jobs are taken and worked on.' }),
      },
      {
        description:
          'Whether the store of each kind of work does it now, for all keys and queues. What falls back to memory or to the outbox meanwhile is not counted.',
      },
    ),
    refusals: Type.Array(Refusal, {
      description: 'Why not, where a Redis is there and refuses. Where it is away its own `reason` says why.',
    }),
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
    dependencies: Type.Object({ redis: Type.Object({ cache: Redis, durable: Redis }) }),
    queues: Type.Object({
      available: Type.Boolean(),
      backend: Type.String(),
      names: Type.Array(Type.String()),
      reason: Type.Optional(Type.String()),
      fault,
      stuckLoop: Type.Optional(
        Type.Object(
          {
            endedAt: Type.String({ format: 'date-time' }),
            stoodMs: Type.Integer({ minimum: 0 }),
            limitMs: Type.Integer({ minimum: 0, description: 'How long it may.' }),
          },
          {
            description:
              'When a job has last kept the event loop of this process for longer than it may. Meanwhile nobody was answered; the status is `degraded` for 10 minutes after it. Of embedded mode, where jobs run in this process.',
          },
        ),
      ),
      emptiedAt: Type.Optional(
        Type.String({
          format: 'date-time',
          description:
            'When the Redis of the queues was last found emptied (FLUSHALL, a restart without its data). What is declared is put back within 40 seconds; jobs that waited, results, and schedules that were made over the API are gone. The status is `degraded` for 10 minutes.',
        }),
      ),
    }),
    outbox: Type.Union([Outbox, Type.Null()], {
      description: 'Jobs that wait in this process for the Redis of the queues. null: none are taken.',
    }),
    disk: Type.Union([Disk, Type.Null()], {
      description: 'Where this process keeps what its Redis has to be told. null: it keeps nothing.',
    }),
    unreadable: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'Parts of the service that cannot say how they are, by a fault that the log has; their fields are missing.',
      }),
    ),
  },
  { title: 'Health', description: 'The state of the service and of what it depends on.' },
);
export type Health = Static<typeof Health>;

const redisOk: Redis = { available: true, healthy: true, latencyMs: 0.31, breaker: 'closed', limits: [], warnings: [] };
const redisAway: Redis = {
  available: false,
  healthy: false,
  latencyMs: null,
  breaker: 'open',
  reason: 'Nothing listens at redis:6379: is Redis running there?',
  fault: 'refused',
  limits: [],
  warnings: [],
};

/** As it is while all is well. */
export const exampleHealth: Health = {
  status: 'ok',
  version: '1.0.0',
  uptime: 3600,
  available: { read: true, write: true, queue: true },
  refusals: [],
  mode: 'redis',
  redis: {
    ...redisOk,
    cacheManager: {
      available: true,
      configuration: { defaultBackend: 'redis', enableFallback: true, cacheCount: 3, redisConnected: true },
    },
  },
  dependencies: { redis: { cache: redisOk, durable: redisOk } },
  queues: { available: true, backend: 'redis', names: ['http-delivery', 'source-sync'] },
  outbox: { waiting: 0, setAside: 0, bytes: 0, maxBytes: 268_435_456, oldestAgeMs: 0, accepting: true },
  disk: { status: 'well', volume: 'claim', claim: 'data-holdfast-api-0' },
};

/** As it is without Redis where fallback is off. */
export const exampleOutage: Health = {
  ...exampleHealth,
  status: 'down',
  available: { read: false, write: false, queue: false },
  redis: {
    ...redisAway,
    cacheManager: {
      available: false,
      configuration: { defaultBackend: 'redis', enableFallback: false, cacheCount: 3, redisConnected: false },
    },
  },
  dependencies: { redis: { cache: redisAway, durable: redisAway } },
  queues: { available: false, backend: 'redis', names: ['http-delivery', 'source-sync'], fault: 'refused' },
  outbox: null,
  disk: null,
};

const tags = ['operations'];

export const getLive = {
  operationId: 'getLive',
  summary: 'Whether the process runs',
  description: 'Never touches Redis: restarting this process would not heal it.',
  tags,
  response: { ...openProblems(), 200: answer('It runs.', Readiness, { status: 'ok' }) },
};

export const getReady = {
  operationId: 'getReady',
  summary: 'Whether requests should be sent here',
  description: 'For load balancers and probes. What is not ready is not to be restarted: it goes on trying.',
  tags,
  response: {
    ...openProblems(),
    200: answer('Yes. With fallback on, also while Redis is away.', Readiness, { status: 'ok' }),
    503: answer(
      'No: it is shutting down, Redis is away and fallback is off, or Redis has never let this process in.',
      Readiness,
      { status: 'down' },
    ),
  },
};

export const getHealth = {
  operationId: 'getHealth',
  summary: 'The state of the service and of what it depends on',
  description: 'What a person looks at first: each part with the reason why it is not well.',
  tags,
  response: {
    ...openProblems('UNAUTHENTICATED'),
    200: answer('ok or degraded.', Health, exampleHealth),
    503: answer('down.', Health, exampleOutage),
  },
};
