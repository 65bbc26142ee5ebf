import { Type } from 'typebox';
import { jsonResponse, problems, strictObject } from './schema.ts';

const params = strictObject({ ns: Type.String({ description: 'The namespace.', examples: ['prompts'] }) });

const count = Type.Integer({ minimum: 0 });
const ratio = Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()]);

/** Counters of this process since its start; the shape is open for what the cache adds. */
const namespaceStats = Type.Object(
  {
    namespace: Type.String(),
    ttlMs: Type.Union([count, Type.Null()], { description: 'null: no expiry; 0: off.' }),
    hits: count,
    misses: count,
    hitRatio: ratio,
    l1: Type.Object(
      {
        totalEntries: count,
        validEntries: Type.Integer({ minimum: 0, description: 'Those that may still be served.' }),
        expiredEntries: count,
        bytes: count,
        hits: count,
        hitRatio: ratio,
      },
      { description: 'What this process keeps in its memory.' },
    ),
    l2: Type.Object({ hits: count }, { description: 'Hits that Redis answered.' }),
    size: Type.Union([count, Type.Null()], {
      description: 'Entries in Redis, as counted in the last minute or so; null before the first count.',
    }),
    evictions: Type.Integer({
      minimum: 0,
      description: 'Entries that went because there were more than `maxEntries`.',
    }),
    stale: Type.Integer({ minimum: 0, description: 'Hits past the soft TTL.' }),
    errors: Type.Integer({ minimum: 0, description: 'Keys whose operation failed because Redis did.' }),
  },
  { additionalProperties: true },
);

export const listNamespaces = {
  operationId: 'listNamespaces',
  summary: 'Statistics of all namespaces',
  tags: ['namespaces'],
  response: {
    200: jsonResponse('The namespaces that the key may use.', Type.Object({ namespaces: Type.Array(namespaceStats) })),
    ...problems(),
  },
};

export const getCacheStats = { ...listNamespaces, operationId: 'getCacheStats' };

export const getNamespace = {
  operationId: 'getNamespace',
  summary: 'Statistics of a namespace',
  tags: ['namespaces'],
  params,
  response: { 200: jsonResponse('Since the start of this process.', namespaceStats), ...problems(404) },
};

export const topKeys = {
  operationId: 'topKeys',
  summary: 'The keys of a namespace that are read most',
  description: 'By all processes. Reads are counted every 5 s.',
  tags: ['namespaces'],
  params,
  querystring: strictObject({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 10 })) }),
  response: {
    200: jsonResponse(
      'The most read first.',
      Type.Object({
        items: Type.Array(
          Type.Object({ key: Type.String(), hits: count, lastAccess: Type.String({ description: 'ISO 8601.' }) }),
        ),
      }),
    ),
    ...problems(404),
  },
};

export const listKeys = {
  operationId: 'listKeys',
  summary: 'Keys of a namespace, page by page',
  description: 'A key that stays is seen at least once; a page may be empty while `cursor` is not null.',
  tags: ['namespaces'],
  params,
  querystring: strictObject({
    cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,20}(-[0-9]{1,20})?$', description: 'Of the page before.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Approximate.' })),
    prefix: Type.Optional(Type.String({ minLength: 1, maxLength: 512, examples: ['user:'] })),
  }),
  response: {
    200: jsonResponse(
      'A page.',
      Type.Object({
        keys: Type.Array(Type.String()),
        cursor: Type.Union([Type.String(), Type.Null()], { description: 'null after the last page.' }),
      }),
    ),
    ...problems(404),
  },
};
