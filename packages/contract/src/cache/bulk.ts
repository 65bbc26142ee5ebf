import { Type } from 'typebox';
import { maxNesting } from '../limits.ts';
import { jsonResponse, problems, strictObject } from '../schema.ts';

/** Items in one request; a larger job is several requests, which can also run beside each other. */
const maxItems = 10_000;

const tags = ['cache'];
const params = strictObject({ ns: Type.String({ description: 'The namespace.', examples: ['prompts'] }) });
const key = Type.String({ description: '1 to 512 bytes, not "." or "..".', examples: ['user:42'] });
const keys = Type.Array(key, { maxItems });

const item = strictObject({
  key,
  value: Type.Optional(
    Type.Unknown({ description: `Any JSON of up to ${maxNesting} levels; stored as application/json.` }),
  ),
  bytes: Type.Optional(Type.String({ description: 'Instead of `value`: any bytes, in base64.' })),
  contentType: Type.Optional(
    Type.String({ maxLength: 256, description: 'Of `bytes`; beside a `value` a JSON type.', examples: ['text/plain'] }),
  ),
  ttl: Type.Optional(
    Type.Union([Type.Integer(), Type.String({ maxLength: 32 })], {
      description: 'Time to live; `none` for no expiry. Default: that of the namespace.',
      examples: ['5m'],
    }),
  ),
  tags: Type.Optional(Type.Array(Type.String(), { description: 'Up to 64 tags of up to 256 bytes.' })),
});

const batchSize = Type.Optional(
  Type.Integer({ minimum: 20, maximum: 100, description: 'Items a command. Default: 50.' }),
);

const count = Type.Integer({ minimum: 0 });
const error = Type.Object({ key: Type.String(), code: Type.String(), detail: Type.String() });
const result = {
  successful: count,
  failed: count,
  errors: Type.Array(error, { description: 'One for each item that failed; `code` is one of those of the errors.' }),
  batches: count,
  commands: Type.Integer({ minimum: 0, description: 'Client commands that Redis received.' }),
  durationMs: Type.Number(),
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
    200: jsonResponse(
      'One item for each key.',
      Type.Object({
        items: Type.Array(
          Type.Object({
            key: Type.String(),
            found: Type.Boolean(),
            value: Type.Optional(Type.Unknown()),
            bytes: Type.Optional(Type.String({ description: 'Base64.' })),
            contentType: Type.Optional(Type.String({ description: 'Absent for application/json.' })),
            ttlMs: Type.Optional(Type.Integer({ description: 'Absent where it does not expire.' })),
            detail: Type.Optional(Type.String({ description: 'As in Cache-Status: l1, l2, stale or fallback.' })),
            error: Type.Optional(Type.Object({ code: Type.String(), detail: Type.String() })),
          }),
        ),
      }),
    ),
    ...problems(404, 413, 415),
  },
};

export const bulkSet = {
  operationId: 'bulkSet',
  summary: 'Write many entries',
  description: `${size} ${alone} ${last}`,
  tags,
  params,
  body: strictObject({ items: Type.Array(item, { maxItems }), batchSize }),
  response: { 200: jsonResponse('What was done.', Type.Object(result)), ...problems(404, 413, 415) },
};

export const bulkDelete = {
  operationId: 'bulkDelete',
  summary: 'Remove many entries',
  description: `At most ${maxItems} keys. One that was not there counts as successful.`,
  tags,
  params,
  body: strictObject({ keys }),
  response: { 200: jsonResponse('What was done.', Type.Object(result)), ...problems(404, 413, 415) },
};

export const syncEntries = {
  operationId: 'syncEntries',
  summary: 'Write what changed and remove what is gone',
  description: `${size} A key in both is written. ${alone} ${last}`,
  tags,
  params,
  body: strictObject({ updates: Type.Array(item, { maxItems }), deletions: keys, batchSize }),
  response: {
    200: jsonResponse('What was done.', Type.Object({ ...result, updated: count, deleted: count })),
    ...problems(404, 413, 415),
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
    200: jsonResponse(
      'Done. With `Cache-Status: holdfast; detail=fallback` Redis will be told as soon as it is back.',
      Type.Object({
        invalidated: Type.Union([count, Type.Null()], { description: 'How many entries; null where nobody counted.' }),
      }),
    ),
    ...problems(404, 413, 415),
  },
};
