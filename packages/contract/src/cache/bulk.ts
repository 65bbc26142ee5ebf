import type { Static } from 'typebox';
import { Type } from 'typebox';
import { answer } from '../answers.ts';
import { maxNesting } from '../limits.ts';
import { namespaceName } from '../namespaces.ts';
import { bodyProblems, problems } from '../problems.ts';
import { strictObject } from '../requests.ts';
import { count, oneOf } from '../scalars.ts';

/** Items in one request; a larger job is several requests, which can also run beside each other. */
const maxItems = 10_000;

const tags = ['cache'];
const ofMany = [
  ...bodyProblems,
  'NAMESPACE_FORBIDDEN',
  'NAMESPACE_UNKNOWN',
  'REDIS_UNAVAILABLE',
  'REDIS_UNKNOWN_OUTCOME',
] as const;
const params = strictObject({ ns: namespaceName });
const key = Type.String({ description: '1 to 512 bytes, not "." or "..".', examples: ['user:42'] });
const keys = Type.Array(key, { maxItems });

export const CacheWrite = strictObject(
  {
    key,
    value: Type.Optional(
      Type.Unknown({
        description: `Any JSON of up to ${maxNesting} levels; stored as application/json, in the bytes that came.`,
      }),
    ),
    bytes: Type.Optional(Type.String({ description: 'Instead of `value`: any bytes, in base64.' })),
    contentType: Type.Optional(
      Type.String({
        maxLength: 256,
        description: 'Of `bytes`; beside a `value` a JSON type.',
        examples: ['text/plain'],
      }),
    ),
    ttl: Type.Optional(
      Type.Union([Type.Integer(), Type.String({ maxLength: 32 })], {
        description: 'Time to live; `none` for no expiry. Default: that of the namespace.',
        examples: ['5m'],
      }),
    ),
    tags: Type.Optional(Type.Array(Type.String(), { description: 'Up to 64 tags of up to 256 bytes.' })),
  },
  { title: 'CacheWrite', description: 'An entry to write: with `value` or `bytes`.' },
);
export type CacheWrite = Static<typeof CacheWrite>;

const batchSize = Type.Optional(
  Type.Integer({ minimum: 20, maximum: 100, description: 'Items a command, and at most 1 MB of values. Default: 50.' }),
);

const error = Type.Object({ key: Type.String(), code: Type.String(), detail: Type.String() }, { title: 'BulkError' });
const result = {
  successful: count,
  failed: count,
  errors: Type.Array(error, { description: 'One for each item that failed; `code` is one of those of the errors.' }),
  fallback: Type.Optional(
    Type.Array(Type.String(), {
      description:
        'Keys that were changed in the memory of the service only, as Redis is away for them: it is told to forget them as soon as it is back. Absent where it is away for none.',
    }),
  ),
  batches: count,
  commands: Type.Integer({ minimum: 0, description: 'Client commands that Redis received.' }),
  durationMs: Type.Number(),
};

/** What became of many entries. */
export const BulkResult = Type.Object(result, { title: 'BulkResult' });
export type BulkResult = Static<typeof BulkResult>;

export const SyncResult = Type.Object({ ...result, updated: count, deleted: count }, { title: 'SyncResult' });
export type SyncResult = Static<typeof SyncResult>;

/** One of many entries that were asked for. */
export const CacheEntry = Type.Object(
  {
    key: Type.String(),
    found: Type.Boolean(),
    value: Type.Optional(Type.Unknown({ description: 'Where it is JSON.' })),
    bytes: Type.Optional(Type.String({ description: 'Base64.' })),
    contentType: Type.Optional(Type.String({ description: 'Absent for application/json.' })),
    ttlMs: Type.Optional(Type.Integer({ description: 'Absent where it does not expire.' })),
    detail: Type.Optional(
      oneOf(['l1', 'l2', 'stale', 'fallback'], {
        description:
          'As in Cache-Status: l1, l2, stale or fallback. Beside `found: false` only `fallback`: Redis is away, and may hold the entry.',
      }),
    ),
    error: Type.Optional(Type.Object({ code: Type.String(), detail: Type.String() })),
  },
  { title: 'CacheEntry' },
);
export type CacheEntry = Static<typeof CacheEntry>;

export const CacheEntries = Type.Object({ items: Type.Array(CacheEntry) }, { title: 'CacheEntries' });
export type CacheEntries = Static<typeof CacheEntries>;

export const Invalidation = Type.Object(
  { invalidated: Type.Union([count, Type.Null()], { description: 'How many entries; null where nobody counted.' }) },
  { title: 'Invalidation' },
);
export type Invalidation = Static<typeof Invalidation>;

const done: BulkResult = {
  successful: 2,
  failed: 1,
  errors: [{ key: 'user:44', code: 'TTL_INVALID', detail: 'ttl: must be longer than 0; DELETE removes an entry' }],
  batches: 1,
  commands: 1,
  durationMs: 1.25,
};

const size = `At most ${maxItems} items, and 8 MiB (or server.bodyLimitBytes, if that is more).`;
const alone =
  'A key, a TTL, a tag or a value that is not allowed fails alone, under its key in `errors`; a body of another shape is 400 as a whole.';
const last = 'Of equal keys the last one counts.';

export const bulkGet = {
  operationId: 'bulkGet',
  summary: 'Read many entries',
  description: `At most ${maxItems} keys; the items come in their order, streamed. JSON comes as \`value\`; anything else as \`bytes\` in base64 with its \`contentType\`. Items that could not be read have an \`error\`.`,
  tags,
  params,
  body: strictObject({ keys }),
  response: {
    200: answer('One item for each key.', CacheEntries, {
      items: [
        { key: 'user:42', found: true, value: { name: 'Ada' }, ttlMs: 299_000, detail: 'l1' },
        { key: 'user:43', found: false },
      ],
    }),
    ...problems(...ofMany),
  },
};

export const bulkSet = {
  operationId: 'bulkSet',
  summary: 'Write many entries',
  description: `${size} ${alone} ${last}`,
  tags,
  params,
  body: strictObject({ items: Type.Array(CacheWrite, { maxItems }), batchSize }),
  response: { 200: answer('What was done.', BulkResult, done), ...problems(...ofMany) },
};

export const bulkDelete = {
  operationId: 'bulkDelete',
  summary: 'Remove many entries',
  description: `At most ${maxItems} keys. One that was not there counts as successful.`,
  tags,
  params,
  body: strictObject({ keys }),
  response: { 200: answer('What was done.', BulkResult, done), ...problems(...ofMany) },
};

export const syncEntries = {
  operationId: 'syncEntries',
  summary: 'Write what changed and remove what is gone',
  description: `${size} A key in both is written. ${alone} ${last}`,
  tags,
  params,
  body: strictObject({ updates: Type.Array(CacheWrite, { maxItems }), deletions: keys, batchSize }),
  response: {
    200: answer('What was done.', SyncResult, { ...done, updated: 1, deleted: 1 }),
    ...problems(...ofMany),
  },
};

export const invalidateEntries = {
  operationId: 'invalidateEntries',
  summary: 'Invalidate by tags, by prefix, or everything',
  description:
    'Exactly one of `tags`, `prefix` and `all`. Tags cost one command whatever they cover; a prefix and `all` look at every key of the namespace. `expire` lets an entry be served once more while its loader fails (grace).',
  tags,
  params,
  body: strictObject({
    tags: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 64, examples: [['creator:7']] })),
    prefix: Type.Optional(Type.String({ minLength: 1, maxLength: 512, examples: ['user:'] })),
    all: Type.Optional(Type.Literal(true)),
    mode: Type.Optional(
      Type.Union([Type.Literal('delete'), Type.Literal('expire')], { description: 'Default: delete.' }),
    ),
  }),
  response: {
    200: answer(
      'Done. With `Cache-Status: holdfast; detail=fallback` Redis will be told as soon as it is back.',
      Invalidation,
      { invalidated: 12 },
    ),
    ...problems(...ofMany, 'TAG_INVALID'),
  },
};
