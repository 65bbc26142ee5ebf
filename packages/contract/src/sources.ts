import { Type } from 'typebox';
import { jsonResponse, problems, strictObject } from './schema.ts';
import { getEntry } from './cache/entries.ts';

const sourceName = Type.String({ description: 'The source.', examples: ['instances'] });
const count = Type.Integer({ minimum: 0 });

const source = Type.Object({
  name: Type.String(),
  url: Type.Union([Type.String(), Type.Null()], { description: 'Of the upstream collection; null: not configured.' }),
  items: count,
  lastSync: Type.Union([
    Type.Object({
      at: Type.String(),
      durationMs: Type.Number(),
      fetched: count,
      updated: count,
      unchanged: count,
      deleted: count,
      failed: count,
      commands: Type.Integer({ minimum: 0, description: 'Redis commands.' }),
      pages: count,
    }),
    Type.Null(),
  ]),
  lastError: Type.Union([Type.Object({ at: Type.String(), code: Type.String(), message: Type.String() }), Type.Null()]),
  nextSync: Type.Union([Type.String(), Type.Null()], { description: 'null: unknown, or none is scheduled.' }),
  healthy: Type.Boolean({ description: 'Whether the last attempt succeeded.' }),
});

export const listSources = {
  operationId: 'listSources',
  summary: 'All mirrored collections',
  tags: ['sources'],
  response: { 200: jsonResponse('With their last sync.', Type.Object({ sources: Type.Array(source) })), ...problems() },
};

export const getSource = {
  operationId: 'getSource',
  summary: 'One mirrored collection',
  tags: ['sources'],
  params: strictObject({ s: sourceName }),
  response: { 200: jsonResponse('With its last sync.', source), ...problems(404) },
};

export const listItems = {
  operationId: 'listItems',
  summary: 'Items of a source, page by page',
  description: 'From the cache, in the order of their ids.',
  tags: ['sources'],
  params: strictObject({ s: sourceName }),
  querystring: strictObject({
    cursor: Type.Optional(Type.String({ maxLength: 1024, description: 'Of the page before.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
  }),
  response: {
    200: jsonResponse(
      'A page.',
      Type.Object({
        items: Type.Array(Type.Unknown()),
        cursor: Type.Union([Type.String(), Type.Null()], { description: 'null after the last page.' }),
      }),
    ),
    ...problems(404),
  },
};

export const getItem = {
  operationId: 'getItem',
  summary: 'One item of a source',
  description:
    'From the cache, as the upstream gave it, but that its numbers are those of JavaScript. `Age` says how old it is, `Cache-Status` where it comes from.',
  tags: ['sources'],
  params: strictObject({ s: sourceName, id: Type.String({ description: 'The id that the upstream gave it.' }) }),
  headers: getEntry.headers,
  response: getEntry.response,
};

export const syncSource = {
  operationId: 'syncSource',
  summary: 'Mirror a source now',
  description: 'Adds a job; follow it under the queue that is named in the answer.',
  tags: ['sources'],
  params: strictObject({ s: sourceName }),
  response: {
    202: jsonResponse('The sync will run.', Type.Object({ jobId: Type.String(), queue: Type.String() })),
    ...problems(404, 415, 501, 507),
  },
};
