import { denseKinds, joined } from '@holdfast/testing';

export interface HeavyRequest {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
}

interface Place {
  readonly name: string;
  readonly method?: string;
  readonly path: string;
  /** What stands before and behind what is put there. */
  readonly around: readonly [string, string];
}

const cache = '/v1/cache/prompts';
const queue = '/v1/queues/http-delivery';
const job = '{"data":{"url":"https://example.com/","body":';

/** Where a body of any route may be heavy; each is small but for that. */
const smallPlaces: readonly Place[] = [
  { name: 'the body of invalidate', path: `${cache}/invalidate`, around: ['', ''] },
  { name: 'tags to invalidate', path: `${cache}/invalidate`, around: ['{"tags":', '}'] },
  { name: 'an entity id', path: '/v1/entities/user/42/invalidate', around: ['{"x":', '}'] },
  { name: 'the body of retry', path: `${queue}/jobs/none/retry`, around: ['', ''] },
  { name: 'the reason to cancel', path: `${queue}/jobs/none/cancel`, around: ['{"reason":', '}'] },
  { name: 'the body of clean', path: `${queue}/clean`, around: ['{"state":"failed","limit":', '}'] },
  { name: 'the body of drain', path: `${queue}/drain`, around: ['{"delayed":true,"x":', '}'] },
  { name: 'the body of sync', path: '/v1/sources/instances/sync', around: ['', ''] },
];

/** Where it may have megabytes too. */
const largePlaces: readonly Place[] = [
  { name: 'the data of a job', path: `${queue}/jobs`, around: ['{"data":', ',"options":{"delay":"1h"}}'] },
  { name: 'the body of a delivery', path: `${queue}/jobs`, around: [job, '},"options":{"delay":"1h"}}'] },
  { name: 'headers of a delivery', path: `${queue}/jobs`, around: ['{"data":{"url":"x","headers":', '}}'] },
  { name: 'the options of a job', path: `${queue}/jobs`, around: ['{"data":{},"options":', '}'] },
  { name: 'a field that no job has', path: `${queue}/jobs`, around: ['{"data":{},"x":', '}'] },
  {
    name: 'the data of a schedule',
    method: 'PUT',
    path: `${queue}/schedules/heavy`,
    around: ['{"every":"1h","job":{"data":', '}}'],
  },
];

/** Where it may have as much as there may be at all. */
const listPlaces: readonly Place[] = [
  { name: 'an entry', method: 'PUT', path: `${cache}/heavy`, around: ['', ''] },
  { name: 'keys to read', path: `${cache}/bulk/get`, around: ['{"keys":', '}'] },
  { name: 'a field beside keys', path: `${cache}/bulk/get`, around: ['{"keys":["a"],"x":', '}'] },
  { name: 'keys to delete', path: `${cache}/bulk/delete`, around: ['{"keys":', '}'] },
  { name: 'items to write', path: `${cache}/bulk/set`, around: ['{"items":', '}'] },
  { name: 'an item to write', path: `${cache}/bulk/set`, around: ['{"items":[', ']}'] },
  { name: 'a value to write', path: `${cache}/bulk/set`, around: ['{"items":[{"key":"k","value":', '}]}'] },
  { name: 'bytes to write', path: `${cache}/bulk/set`, around: ['{"items":[{"key":"k","bytes":', '}]}'] },
  { name: 'tags of an item', path: `${cache}/bulk/set`, around: ['{"items":[{"key":"k","value":1,"tags":', '}]}'] },
  { name: 'a field of an item', path: `${cache}/bulk/set`, around: ['{"items":[{"key":"k","value":1,"x":', '}]}'] },
  { name: 'updates', path: `${cache}/sync`, around: ['{"deletions":[],"updates":', '}'] },
  { name: 'deletions', path: `${cache}/sync`, around: ['{"updates":[],"deletions":', '}'] },
  { name: 'jobs', path: `${queue}/jobs/bulk`, around: ['{"jobs":', '}'] },
  { name: 'a job of many', path: `${queue}/jobs/bulk`, around: ['{"jobs":[', ']}'] },
  { name: 'the data of a job of many', path: `${queue}/jobs/bulk`, around: ['{"jobs":[{"data":', '}]}'] },
  { name: 'ids of dead letters', path: `${queue}/dead-letters/redrive`, around: ['{"ids":', '}'] },
];

/** Lists as their callers mean them, or nearly so. */
const lists: readonly (readonly [
  name: string,
  path: string,
  before: string,
  item: (n: number, bytes: number) => string,
])[] = [
  ['small values', `${cache}/bulk/set`, '{"items":[', (n) => `{"key":"k${n}","value":{"id":${n},"on":true}}`],
  ['larger values', `${cache}/bulk/set`, '{"items":[', (n) => `{"key":"k${n}","value":{"t":"${'x'.repeat(2000)}"}}`],
  ['values of 60 KiB', `${cache}/bulk/set`, '{"items":[', (n) => `{"key":"k${n}","value":${filler(n)}}`],
  ['keys that are none', `${cache}/bulk/set`, '{"items":[', () => `{"key":"","value":1}`],
  ['items of another shape', `${cache}/bulk/set`, '{"items":[', (n) => `{"key":${n},"x":1}`],
  ['bytes in base64', `${cache}/bulk/set`, '{"items":[', (n) => `{"key":"k${n}","bytes":"${'QUJD'.repeat(200)}"}`],
  ['keys to read', `${cache}/bulk/get`, '{"keys":[', (n) => `"k${n}"`],
  ['long keys to read', `${cache}/bulk/get`, '{"keys":[', (n) => `"${n}${'k'.repeat(500)}"`],
  ['keys to read that are none', `${cache}/bulk/get`, '{"keys":[', () => `""`],
  ['keys to delete that are none', `${cache}/bulk/delete`, '{"keys":[', () => `""`],
  [
    'jobs',
    `${queue}/jobs/bulk`,
    '{"jobs":[',
    (n) => `{"data":{"url":"https://example.com/${n}"},"options":{"delay":"1h"}}`,
  ],
  ['jobs of 60 KiB', `${queue}/jobs/bulk`, '{"jobs":[', (n) => `${job}${filler(n)}},"options":{"delay":"1h"}}`],
  ['jobs that are none', `${queue}/jobs/bulk`, '{"jobs":[', () => `{"data":{"url":1,"x":[1]}}`],
  ['jobs of 60 KiB that are none', `${queue}/jobs/bulk`, '{"jobs":[', (n) => `{"data":{"url":1,"x":${filler(n)}}}`],
  ['ids of dead letters', `${queue}/dead-letters/redrive`, '{"ids":[', (n) => `"id-${n}"`],
];

function filler(n: number): string {
  return `[${joined(60_000, (at) => `{"k${at * (n + 1)}":${at}}`)}]`;
}

const smallBytes = 64 * 1024;

/** Whatever a request of at most 64 KiB may have in it. */
export function smallRequests(kinds: readonly string[] = Object.keys(denseKinds)): HeavyRequest[] {
  const places = [...smallPlaces, ...largePlaces, ...listPlaces];
  return [...places.flatMap((place) => kinds.map((kind) => heavy(place, kind, smallBytes))), ...listsOf(smallBytes)];
}

/** What one of a megabyte may have. */
export function jobRequests(kinds: readonly string[] = Object.keys(denseKinds)): HeavyRequest[] {
  return largePlaces.flatMap((place) => kinds.map((kind) => heavy(place, kind, 1_000_000)));
}

/** What one with many items may have. */
export function bulkRequests(bytes: number, kinds: readonly string[] = Object.keys(denseKinds)): HeavyRequest[] {
  return [...listPlaces.flatMap((place) => kinds.map((kind) => heavy(place, kind, bytes))), ...listsOf(bytes)];
}

function heavy(
  { name, method = 'POST', path, around: [before, behind] }: Place,
  kind: string,
  bytes: number,
): HeavyRequest {
  const make = denseKinds[kind];
  if (make === undefined) throw new Error(`There is no kind "${kind}".`);
  const body = Buffer.from(before + make(bytes - before.length - behind.length) + behind);
  return { name: `${name}: ${kind}`, method, path, body };
}

function listsOf(bytes: number): HeavyRequest[] {
  return lists.map(([name, path, before, item]) => {
    let count = 0;
    const items = joined(bytes - before.length - 2, (n) => {
      count += 1;
      // As many as there may be.
      return count > 10_000 ? 'x'.repeat(bytes) : item(n, bytes);
    });
    return { name: `a list: ${name}`, method: 'POST', path, body: Buffer.from(`${before}${items}]}`) };
  });
}
