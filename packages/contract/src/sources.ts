import type { Static } from 'typebox';
import { Type } from 'typebox';
import { answer, emptyAnswer } from './answers.ts';
import { bytes, getEntry, withCacheStatus } from './cache/entries.ts';
import { nextCursor } from './pages.ts';
import { problems } from './problems.ts';
import { strictObject } from './requests.ts';
import { count, time } from './scalars.ts';

const sourceName = Type.String({ description: 'The source.', examples: ['instances'] });

export const SourceSync = Type.Object(
  {
    at: time,
    durationMs: Type.Number(),
    fetched: count,
    updated: count,
    unchanged: count,
    deleted: count,
    failed: count,
    commands: Type.Integer({ minimum: 0, description: 'Redis commands.' }),
    pages: count,
  },
  { title: 'SourceSync', description: 'What a sync did.' },
);
export type SourceSync = Static<typeof SourceSync>;

export const Source = Type.Object(
  {
    name: Type.String(),
    url: Type.Union([Type.String({ format: 'uri' }), Type.Null()], {
      description: 'Of the upstream collection; null: not configured.',
    }),
    items: count,
    lastSync: Type.Union([SourceSync, Type.Null()]),
    lastError: Type.Union([Type.Object({ at: time, code: Type.String(), message: Type.String() }), Type.Null()]),
    nextSync: Type.Union([time, Type.Null()], { description: 'null: unknown, or none is scheduled.' }),
    healthy: Type.Boolean({ description: 'Whether the last attempt succeeded.' }),
  },
  { title: 'Source', description: 'An upstream collection that is mirrored into the cache.' },
);
export type Source = Static<typeof Source>;

export const Sources = Type.Object({ sources: Type.Array(Source) }, { title: 'Sources' });
export type Sources = Static<typeof Sources>;

export const ItemPage = Type.Object({ items: Type.Array(Type.Unknown()), cursor: nextCursor }, { title: 'ItemPage' });
export type ItemPage = Static<typeof ItemPage>;

export const StartedSync = Type.Object({ jobId: Type.String(), queue: Type.String() }, { title: 'StartedSync' });
export type StartedSync = Static<typeof StartedSync>;

const example: Source = {
  name: 'instances',
  url: 'https://api.example.com/v1/instances',
  items: 500,
  lastSync: {
    at: '2026-01-01T00:00:00.000Z',
    durationMs: 412.5,
    fetched: 500,
    updated: 3,
    unchanged: 496,
    deleted: 1,
    failed: 0,
    commands: 14,
    pages: 5,
  },
  lastError: null,
  nextSync: '2026-01-01T00:10:00.000Z',
  healthy: true,
};

const ofOne = ['NAMESPACE_FORBIDDEN', 'SOURCE_UNKNOWN', 'SOURCE_DISABLED', 'REDIS_UNAVAILABLE'] as const;

export const listSources = {
  operationId: 'listSources',
  summary: 'All mirrored collections',
  description: 'Those that the configuration declares, as far as the key may use them.',
  tags: ['sources'],
  response: { 200: answer('With their last sync.', Sources, { sources: [example] }), ...problems('REDIS_UNAVAILABLE') },
};

export const getSource = {
  operationId: 'getSource',
  summary: 'One mirrored collection',
  description: 'How its last sync went, and when the next one is due.',
  tags: ['sources'],
  params: strictObject({ s: sourceName }),
  response: { 200: answer('With its last sync.', Source, example), ...problems(...ofOne) },
};

export const listItems = {
  operationId: 'listItems',
  summary: 'Items of a source, page by page',
  description: 'From the cache, in the order of their ids.',
  tags: ['sources'],
  params: strictObject({ s: sourceName }),
  querystring: strictObject({
    cursor: Type.Optional(Type.String({ maxLength: 1024, description: 'Of the page before.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Items a page.' })),
  }),
  response: {
    200: answer('A page.', ItemPage, { items: [{ id: '74b5ca4f9baa149a', name: 'ada-1' }], cursor: null }),
    ...problems(...ofOne, 'SOURCE_CURSOR_INVALID'),
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
  response: {
    200: bytes('The entry.'),
    304: emptyAnswer('The caller has it already.'),
    ...withCacheStatus(problems(...ofOne, 'ITEM_NOT_FOUND')),
  },
};

export const syncSource = {
  operationId: 'syncSource',
  summary: 'Mirror a source now',
  description: 'Adds a job; follow it under the queue that is named in the answer.',
  tags: ['sources'],
  params: strictObject({ s: sourceName }),
  response: {
    202: answer('The sync will run.', StartedSync, {
      jobId: '018f2c4e-6f0a-7b1c-9d3e-5a7b8c9d0e1f',
      queue: 'source-sync',
    }),
    ...problems(
      'NAMESPACE_FORBIDDEN',
      'SOURCE_UNKNOWN',
      'SOURCE_DISABLED',
      'QUEUE_DISABLED',
      'UNSUPPORTED_MEDIA_TYPE',
      'UPSTREAM_NOT_CONFIGURED',
      'QUEUE_UNAVAILABLE',
      'QUEUE_OUT_OF_MEMORY',
    ),
  },
};
