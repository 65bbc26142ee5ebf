import type { Static } from 'typebox';
import { Type } from 'typebox';
import { answer } from './answers.ts';
import { nextCursor } from './pages.ts';
import { problems } from './problems.ts';
import { strictObject } from './requests.ts';
import { count, time } from './scalars.ts';

export const namespaceName = Type.String({ description: 'The namespace.', examples: ['prompts'] });

const params = strictObject({ ns: namespaceName });

const ratio = Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()]);

/** Counters of this process since its start; the shape is open for what the cache adds. */
export const Namespace = Type.Object(
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
      description:
        'Entries in Redis: of a namespace with an index as it is now, else as last counted, or estimated. null where Redis cannot be asked and nothing is known.',
    }),
    countedAt: Type.Union([time, Type.Null()], {
      description: 'When `size` was counted or estimated. It is counted again when it is a minute old and asked for.',
    }),
    sizeIsEstimate: Type.Union([Type.Boolean(), Type.Null()], {
      description: 'true: `size` was made from a sample, and the count is on its way.',
    }),
    evictions: Type.Integer({
      minimum: 0,
      description: 'Entries that went because there were more than `maxEntries`.',
    }),
    stale: Type.Integer({ minimum: 0, description: 'Hits past the soft TTL.' }),
    errors: Type.Integer({ minimum: 0, description: 'Keys whose operation failed because Redis did.' }),
  },
  {
    title: 'Namespace',
    description: 'A namespace of the cache, and how well it does in this process.',
    additionalProperties: true,
  },
);
export type Namespace = Static<typeof Namespace>;

export const Namespaces = Type.Object({ namespaces: Type.Array(Namespace) }, { title: 'Namespaces' });
export type Namespaces = Static<typeof Namespaces>;

export const TopKeys = Type.Object(
  { items: Type.Array(Type.Object({ key: Type.String(), hits: count, lastAccess: time })) },
  { title: 'TopKeys' },
);
export type TopKeys = Static<typeof TopKeys>;

export const KeyPage = Type.Object({ keys: Type.Array(Type.String()), cursor: nextCursor }, { title: 'KeyPage' });
export type KeyPage = Static<typeof KeyPage>;

const example: Namespace = {
  namespace: 'prompts',
  ttlMs: 300_000,
  hits: 90,
  misses: 10,
  hitRatio: 0.9,
  l1: { totalEntries: 12, validEntries: 11, expiredEntries: 1, bytes: 4096, hits: 81, hitRatio: 0.81 },
  l2: { hits: 9 },
  size: 40,
  countedAt: '2026-01-01T00:00:00.000Z',
  sizeIsEstimate: false,
  evictions: 0,
  stale: 0,
  errors: 0,
};

const ofOne = ['NAMESPACE_FORBIDDEN', 'NAMESPACE_UNKNOWN', 'REDIS_UNAVAILABLE'] as const;

export const listNamespaces = {
  operationId: 'listNamespaces',
  summary: 'Statistics of all namespaces',
  description: 'Those that the key may use. Hits and misses are those of the process that answers, since its start.',
  tags: ['namespaces'],
  response: {
    200: answer('The namespaces that the key may use.', Namespaces, { namespaces: [example] }),
    ...problems(),
  },
};

export const getCacheStats = {
  ...listNamespaces,
  operationId: 'getCacheStats',
  description: 'As /v1/namespaces.',
};

export const getNamespace = {
  operationId: 'getNamespace',
  summary: 'Statistics of a namespace',
  description: 'Hits and misses are those of the process that answers, since its start; `size` is of all.',
  tags: ['namespaces'],
  params,
  response: { 200: answer('Since the start of this process.', Namespace, example), ...problems(...ofOne) },
};

export const topKeys = {
  operationId: 'topKeys',
  summary: 'The keys of a namespace that are read most',
  description: 'By all processes. Reads are counted every 5 s.',
  tags: ['namespaces'],
  params,
  querystring: strictObject({
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 10, description: 'How many at most.' })),
  }),
  response: {
    200: answer('The most read first.', TopKeys, {
      items: [{ key: 'user:42', hits: 120, lastAccess: '2026-01-01T00:00:00.000Z' }],
    }),
    ...problems(...ofOne),
  },
};

export const listKeys = {
  operationId: 'listKeys',
  summary: 'Keys of a namespace, page by page',
  description:
    'A key that stays is seen at least once; a page may be empty while `cursor` is not null. Of a namespace with an index (`maxEntries`, `indexed`, mirrored) all pages together look at its keys, else at every key of the Redis; each looks at about `limit`.',
  tags: ['namespaces'],
  params,
  querystring: strictObject({
    // A number, and in a cluster how far the scan has come, with the slots that are being moved.
    cursor: Type.Optional(
      Type.String({ pattern: '^[A-Za-z0-9_.~-]+$', maxLength: 4096, description: 'Of the page before.' }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Approximate.' })),
    prefix: Type.Optional(
      Type.String({ minLength: 1, maxLength: 512, description: 'Only keys that begin so.', examples: ['user:'] }),
    ),
  }),
  response: {
    200: answer('A page.', KeyPage, { keys: ['user:42', 'user:43'], cursor: null }),
    ...problems(...ofOne),
  },
};
