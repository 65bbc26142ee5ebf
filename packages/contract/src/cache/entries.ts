import type { TSchema } from 'typebox';
import { Type } from 'typebox';
import { emptyAnswer } from '../answers.ts';
import { durationText } from '../durations.ts';
import { maxNesting } from '../limits.ts';
import { namespaceName } from '../namespaces.ts';
import { problems } from '../problems.ts';
import { strictObject } from '../requests.ts';

const params = strictObject({
  ns: namespaceName,
  key: Type.String({
    description: '1 to 512 bytes once decoded, not "." or ".."; percent-encode what is not allowed in a path segment.',
    examples: ['user:42'],
  }),
});

const cacheStatus = { type: 'string', description: 'RFC 9211, e.g. `holdfast; hit; ttl=123; detail=l2`.' };

/** Stored bytes, with their headers. */
export const bytes = (description: string): Record<string, unknown> => ({
  description,
  content: {
    '*/*': {
      schema: Type.Unsafe({ description: 'The stored bytes, with the stored Content-Type.' }),
      example: { greeting: 'hello' },
    },
  },
  headers: {
    etag: { type: 'string', description: 'Changes whenever the entry is written with other bytes.' },
    age: { type: 'integer', description: 'Seconds since it was written.' },
    'cache-status': cacheStatus,
  },
});

/** With what tells a miss from an unknown namespace. */
export function withCacheStatus(byStatus: Record<number, TSchema>): Record<number, TSchema> {
  return { ...byStatus, 404: { ...byStatus[404], headers: { 'cache-status': cacheStatus } } };
}

export const getEntry = {
  operationId: 'getEntry',
  summary: 'Read an entry',
  description: 'The bytes come back as they were stored. `HEAD` answers the same without them.',
  tags: ['cache'],
  params,
  headers: Type.Object({
    'if-none-match': Type.Optional(Type.String({ description: 'Entity tags; 304 on a match.' })),
  }),
  response: {
    200: bytes('The entry.'),
    304: emptyAnswer('The caller has it already.'),
    ...withCacheStatus(
      problems('NAMESPACE_FORBIDDEN', 'KEY_INVALID', 'ENTRY_NOT_FOUND', 'NAMESPACE_UNKNOWN', 'REDIS_UNAVAILABLE'),
    ),
  },
};

export const putEntry = {
  operationId: 'putEntry',
  summary: 'Write an entry',
  description: `Any bytes with any content type (application/octet-stream without one); JSON is checked, and has up to ${maxNesting} levels of nesting. \`If-None-Match: *\` creates only: it succeeds where a GET is answered with 404.`,
  tags: ['cache'],
  params,
  querystring: strictObject({
    ttl: Type.Optional({
      ...durationText,
      description: 'Time to live; `none` for no expiry. Default: that of the namespace.',
      examples: ['5m'],
    }),
    tags: Type.Optional(
      Type.String({
        maxLength: 16384,
        description: 'Up to 64 tags of up to 256 bytes, by comma.',
        examples: ['creator:7'],
      }),
    ),
  }),
  headers: Type.Object({ 'if-none-match': Type.Optional(Type.String({ description: '`*`: create only.' })) }),
  // For readers: what comes is taken as it is, so that nothing checks it by a schema.
  requestBody: {
    content: {
      'application/json': {
        schema: Type.Unknown({
          description: 'Any JSON; the bytes are kept as they come.',
          examples: [{ name: 'Ada' }],
        }),
      },
      'text/plain': { schema: Type.String({ examples: ['hello'] }) },
      '*/*': { schema: Type.Unsafe({ type: 'string', format: 'binary', description: 'Any bytes of any other type.' }) },
    },
  },
  response: {
    201: emptyAnswer('Created.'),
    204: emptyAnswer('Replaced what was there (or the namespace is off: see Cache-Status).'),
    ...problems(
      'KEY_INVALID',
      'TTL_INVALID',
      'TAG_INVALID',
      'BODY_INVALID_JSON',
      'JSON_TOO_DEEP',
      'NAMESPACE_FORBIDDEN',
      'NAMESPACE_UNKNOWN',
      'PRECONDITION_FAILED',
      'BODY_TOO_LARGE',
      'VALUE_TOO_LARGE',
      'REDIS_REQUEST_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'REDIS_UNAVAILABLE',
      'REDIS_UNKNOWN_OUTCOME',
      'REDIS_OUT_OF_MEMORY',
    ),
  },
};

export const deleteEntry = {
  operationId: 'deleteEntry',
  summary: 'Remove an entry',
  description: 'Removing what is not there succeeds, too.',
  tags: ['cache'],
  params,
  response: {
    204: emptyAnswer('It is gone, or was never there.'),
    ...problems(
      'KEY_INVALID',
      'NAMESPACE_FORBIDDEN',
      'NAMESPACE_UNKNOWN',
      'REDIS_UNAVAILABLE',
      'REDIS_UNKNOWN_OUTCOME',
    ),
  },
};
