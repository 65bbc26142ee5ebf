import { Type } from 'typebox';
import { jsonResponse, problems } from './schema.ts';
import { report } from './health.ts';

const tags = ['operations'];
const text = Type.String();
const numberOrNull = (description: string) => Type.Union([Type.Number(), Type.Null()], { description });
const cached = Type.Boolean({ description: 'Whether this answer had been computed before.' });

const summary = Type.Object({
  ...report.properties,
  responseTimeMs: Type.Number({ description: 'What this answer took.' }),
  cached,
});

export const getHealthSummary = {
  operationId: 'getHealthSummary',
  summary: 'The state of the service, as it was a moment ago',
  description: 'As /health, kept for 60 s; 120 s for a key without the scope `admin`.',
  tags,
  response: { 200: jsonResponse('ok or degraded.', summary), 503: jsonResponse('down.', summary) },
};

const redisHealth = Type.Object({
  status: report.properties.status,
  connected: Type.Boolean({ description: 'Whether a Redis answered just now; false where none is configured.' }),
  latencyMs: numberOrNull('Of one command.'),
  reason: Type.Optional(text),
});

export const getRedisHealth = {
  operationId: 'getRedisHealth',
  summary: 'Whether the Redis of the cache answers',
  tags,
  response: {
    200: jsonResponse('It does, or the service does without.', redisHealth),
    503: jsonResponse('It does not, and fallback is off.', redisHealth),
  },
};

const metrics = Type.Object({
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
});

export const getRedisMetrics = {
  operationId: 'getRedisMetrics',
  summary: 'What Redis says of itself',
  description: 'At most 10 s old. Keys are counted with SCAN, within bounds.',
  tags,
  response: {
    200: jsonResponse(
      'Of the Redis of the cache, and of the durable one where that is another.',
      Type.Object({ data: Type.Object({ metrics, durable: Type.Optional(metrics) }) }),
    ),
    ...problems(),
  },
};

export const getIntegrations = {
  operationId: 'getIntegrations',
  summary: 'How the mirrored upstreams do',
  description: 'At most 5 minutes old.',
  tags,
  response: {
    200: jsonResponse(
      'The sources that the key may use.',
      Type.Object({
        integrations: Type.Array(
          Type.Object({
            name: text,
            healthy: Type.Boolean({ description: 'Whether the last sync succeeded.' }),
            lastSync: Type.Union([text, Type.Null()], { description: 'ISO 8601; null: never.' }),
          }),
        ),
        cached,
      }),
    ),
    ...problems(),
  },
};

export const getBatchStats = {
  operationId: 'getBatchStats',
  summary: 'What is being gathered and sent to the queues',
  description: 'At this moment, by the process that answers. Jobs that are added together are one command.',
  tags,
  response: {
    200: jsonResponse(
      'All queues together.',
      Type.Object({
        activeBatches: Type.Integer({ minimum: 0, description: 'Batches that are being filled or stored.' }),
        totalQueuedJobs: Type.Integer({
          minimum: 0,
          description: 'Jobs and items whose callers wait for their answer.',
        }),
        batchesByType: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), {
          description: 'Active batches by queue; queues without any are left out.',
        }),
      }),
    ),
    ...problems(),
  },
};
