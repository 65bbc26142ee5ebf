import { Cache } from '@holdfast/cache';
import { createKeys, MemoryEngine } from '@holdfast/redis-core';
import { describe, expect, test } from 'vitest';
import { Mirror, type MirrorOptions } from '../src/index.ts';

/** As a program without types gives them. */
type Loose = Readonly<Record<string, unknown>>;
const engine = new MemoryEngine();
const keys = createKeys('options');
const cache = new Cache({ engine, keys, namespace: 'things', ttlMs: null });
const pagination = { kind: 'page', pageParam: 'page', sizeParam: 'size', size: 10 };
const source = {
  name: 'things',
  namespace: 'things',
  path: '/things',
  itemsField: 'things',
  idField: 'id',
  pagination,
  timeoutMs: 1000,
  maxPages: 10,
  maxItems: 10,
  maxPageBytes: 1000,
  softTtlMs: 1000,
};
const upstream = { baseUrl: 'http://127.0.0.1:9' };
const mirrorOf = (more: Loose = {}): Mirror =>
  new Mirror({ engine, keys, cache, upstream, source, ...more } as unknown as MirrorOptions);
const sourceOf = (more: Loose) => () => mirrorOf({ source: { ...source, ...more } });
const mirror = mirrorOf();

const notNumbers = [Number.NaN, Infinity, -1, 0.5, '5', 2 ** 53];
const numbers: readonly (readonly [path: string, (value: unknown) => () => unknown])[] = [
  ...['timeoutMs', 'maxPages', 'maxItems', 'maxPageBytes', 'softTtlMs'].map(
    (name) => [name, (value: unknown) => sourceOf({ [name]: value })] as const,
  ),
  ['size', (size) => sourceOf({ pagination: { ...pagination, size } })],
  ['limit', (limit) => () => mirror.items({ limit } as Loose)],
];

const others: readonly (readonly [path: string, () => unknown])[] = [
  ['maxPages', sourceOf({ maxPages: 0 })],
  ['kind', sourceOf({ pagination: { kind: 'pages' } })],
  ['every', sourceOf({ every: 5 })],
  ['key', () => mirrorOf({ upstream: { ...upstream, key: 'a' } })],
  ['upstreams', () => mirrorOf({ upstreams: [] })],
  ['progress', () => mirror.sync({ progress: () => undefined } as Loose)],
  ['count', () => mirror.items({ count: 5 } as Loose)],
];

/** What a call throws, at once or later. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return expect.fail('It was taken.');
}

describe('options are refused by their names:', () => {
  test.each(numbers)('%s, unless it is a number that it can be', async (path, callOf) => {
    for (const value of notNumbers) {
      const error = await thrownBy(callOf(value));
      expect(error, String(value)).toMatchObject({ code: 'OPTION_INVALID', issues: [{ path }] });
    }
  });

  test.each(others)('%s', async (path, call) => {
    expect(await thrownBy(call)).toMatchObject({ code: 'OPTION_INVALID', issues: [{ path }] });
  });
});
