import { Type } from 'typebox';
import { maxNesting } from '../limits.ts';
import { durationText, emptyResponse, problems, strictObject } from '../schema.ts';

const params = strictObject({
  ns: Type.String({ description: 'The namespace.', examples: ['prompts'] }),
  key: Type.String({
    description: '1 to 512 bytes once decoded, not "." or ".."; percent-encode what is not allowed in a path segment.',
    examples: ['user:42'],
  }),
});

const cacheStatus = { type: 'string', description: 'RFC 9211, e.g. `holdfast; hit; ttl=123; detail=l2`.' };

const bytes = (description: string): Record<string, unknown> => ({
  description,
  content: { '*/*': { schema: Type.Unsafe({ description: 'The stored bytes, with the stored Content-Type.' }) } },
  headers: {
    etag: { type: 'string', description: 'Changes whenever the entry is written with other bytes.' },
    age: { type: 'integer', description: 'Seconds since it was written.' },
    'cache-status': cacheStatus,
  },
});

const miss = { 404: { ...problems(404)[404], headers: { 'cache-status': cacheStatus } } };

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
    304: emptyResponse('The caller has it already.'),
    ...problems(),
    ...miss,
  },
};

export const putEntry = {
  operationId: 'putEntry',
  summary: 'Write an entry',
  description: `Any bytes with any content type (application/octet-stream without one); JSON is checked, and has up to ${maxNesting} levels of nesting. \`If-None-Match: *\` creates only.`,
  tags: ['cache'],
  params,
  consumes: ['application/json', 'text/plain', 'application/octet-stream', '*/*'],
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
  response: {
    201: emptyResponse('Created.'),
    204: emptyResponse('Replaced what was there (or the namespace is off: see Cache-Status).'),
    ...problems(404, 412, 413, 415, 507),
  },
};

export const deleteEntry = {
  operationId: 'deleteEntry',
  summary: 'Remove an entry',
  tags: ['cache'],
  params,
  response: { 204: emptyResponse('It is gone, or was never there.'), ...problems(404) },
};
