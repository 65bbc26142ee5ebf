import type { Static } from 'typebox';
import { Type } from 'typebox';
import { answer, textAnswer } from './answers.ts';
import { exampleHealth, exampleOutage, Health } from './health.ts';
import { openProblems, problems } from './problems.ts';
import { count, time } from './scalars.ts';

const tags = ['operations'];
const text = Type.String();
const numberOrNull = (description: string) => Type.Union([Type.Number(), Type.Null()], { description });
const metricsText = `# HELP holdfast_http_requests_in_flight Requests that are being answered.
# TYPE holdfast_http_requests_in_flight gauge
holdfast_http_requests_in_flight 1
`;
const cached = Type.Boolean({ description: 'Whether this answer had been computed before.' });

export const HealthSummary = Type.Object(
  {
    ...Health.properties,
    responseTimeMs: Type.Number({ description: 'What this answer took.' }),
    cached,
  },
  { title: 'HealthSummary' },
);
export type HealthSummary = Static<typeof HealthSummary>;

export const getHealthSummary = {
  operationId: 'getHealthSummary',
  summary: 'The state of the service, as it was a moment ago',
  description: 'As /health, kept for 60 s; 120 s for a key without the scope `admin`.',
  tags,
  response: {
    ...openProblems('UNAUTHENTICATED', 'REQUEST_INVALID'),
    200: answer('ok or degraded.', HealthSummary, { ...exampleHealth, responseTimeMs: 0.04, cached: true }),
    503: answer('down.', HealthSummary, { ...exampleOutage, responseTimeMs: 0.61, cached: false }),
  },
};

export const RedisHealth = Type.Object(
  {
    status: Health.properties.status,
    connected: Type.Boolean({ description: 'Whether a Redis answered just now; false where none is configured.' }),
    latencyMs: numberOrNull('Of one command.'),
    reason: Type.Optional(text),
  },
  { title: 'RedisHealth' },
);
export type RedisHealth = Static<typeof RedisHealth>;

export const getRedisHealth = {
  operationId: 'getRedisHealth',
  summary: 'Whether the Redis of the cache answers',
  description: 'One command, sent now.',
  tags,
  response: {
    ...openProblems('UNAUTHENTICATED', 'REQUEST_INVALID'),
    200: answer('It does, or the service does without.', RedisHealth, {
      status: 'ok',
      connected: true,
      latencyMs: 0.31,
    }),
    503: answer('It does not, and fallback is off.', RedisHealth, {
      status: 'down',
      connected: false,
      latencyMs: null,
      reason: 'Nothing listens at redis:6379: is Redis running there?',
    }),
  },
};

export const RedisMetrics = Type.Object(
  {
    memory: Type.Object({
      used: numberOrNull('Bytes.'),
      peak: numberOrNull('Bytes.'),
      fragmentation: numberOrNull('Memory of the process over `used`.'),
      max: numberOrNull('Bytes; null: no limit.'),
      policy: Type.Union([text, Type.Null()], { description: 'What happens at `max`.' }),
    }),
    hitRate: numberOrNull('0 to 1, of all lookups since Redis started.'),
    opsPerSecond: numberOrNull('Commands.'),
    clients: numberOrNull('Connections.'),
    keyspace: Type.Record(text, Type.Integer(), { description: 'Keys by area.' }),
    keyspaceComplete: Type.Boolean({
      description: 'false: there were more keys than are looked at; `keyspace` counts a part.',
    }),
    uptimeSeconds: numberOrNull('Of Redis.'),
    version: text,
  },
  { title: 'RedisMetrics', description: 'What a Redis says of itself.' },
);
export type RedisMetrics = Static<typeof RedisMetrics>;

export const RedisReport = Type.Object(
  { data: Type.Object({ metrics: RedisMetrics, durable: Type.Optional(RedisMetrics) }) },
  { title: 'RedisReport' },
);
export type RedisReport = Static<typeof RedisReport>;

export const Integrations = Type.Object(
  {
    integrations: Type.Array(
      Type.Object({
        name: text,
        healthy: Type.Boolean({ description: 'Whether the last sync succeeded.' }),
        lastSync: Type.Union([time, Type.Null()], { description: 'ISO 8601; null: never.' }),
      }),
    ),
    cached,
  },
  { title: 'Integrations' },
);
export type Integrations = Static<typeof Integrations>;

export const BatchStats = Type.Object(
  {
    activeBatches: Type.Integer({ minimum: 0, description: 'Batches that are being filled or stored.' }),
    totalQueuedJobs: Type.Integer({
      minimum: 0,
      description: 'Jobs and items whose callers wait for their answer.',
    }),
    batchesByType: Type.Record(Type.String(), count, {
      description: 'Active batches by queue; queues without any are left out.',
    }),
  },
  { title: 'BatchStats' },
);
export type BatchStats = Static<typeof BatchStats>;

export const getRedisMetrics = {
  operationId: 'getRedisMetrics',
  summary: 'What Redis says of itself',
  description: 'At most 10 s old. Keys are counted with SCAN, within bounds.',
  tags,
  response: {
    200: answer('Of the Redis of the cache, and of the durable one where that is another.', RedisReport, {
      data: {
        metrics: {
          memory: { used: 2_097_152, peak: 3_145_728, fragmentation: 1.4, max: null, policy: 'allkeys-lru' },
          hitRate: 0.93,
          opsPerSecond: 120,
          clients: 7,
          keyspace: { cache: 540, jobs: 61 },
          keyspaceComplete: true,
          uptimeSeconds: 3600,
          version: '7.4.0',
        },
      },
    }),
    ...problems('REDIS_UNAVAILABLE'),
  },
};

export const getIntegrations = {
  operationId: 'getIntegrations',
  summary: 'How the mirrored upstreams do',
  description: 'At most 5 minutes old.',
  tags,
  response: {
    200: answer('The sources that the key may use.', Integrations, {
      integrations: [{ name: 'instances', healthy: true, lastSync: '2026-01-01T00:00:00.000Z' }],
      cached: false,
    }),
    ...problems('REDIS_UNAVAILABLE'),
  },
};

export const getBatchStats = {
  operationId: 'getBatchStats',
  summary: 'What is being gathered and sent to the queues',
  description: 'At this moment, by the process that answers. Jobs that are added together are one command.',
  tags,
  response: {
    200: answer('All queues together.', BatchStats, {
      activeBatches: 1,
      totalQueuedJobs: 12,
      batchesByType: { 'http-delivery': 1 },
    }),
    ...problems(),
  },
};

export const getMetrics = {
  operationId: 'getMetrics',
  summary: 'Metrics for Prometheus',
  description: 'Of the process that answers; those of a worker are at its own address.',
  tags,
  response: { ...openProblems(), 200: textAnswer('The text format.', 'text/plain', metricsText) },
};

export const getOpenApi = {
  operationId: 'getOpenApi',
  summary: 'This document',
  description: 'OpenAPI 3.1, made from the schemas that requests are checked against.',
  tags,
  response: {
    ...openProblems('REQUEST_INVALID'),
    200: answer('OpenAPI 3.1', Type.Unknown(), { openapi: '3.1.0', info: { title: 'Holdfast' } }),
  },
};
