import { createKeys, type Keys, type RedisEngine } from '@holdfast/redis-core';
import { uniquePrefix } from '@holdfast/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CacheRegistry, type Cache } from '../src/index.ts';
import { isMark } from '../src/recency-script.ts';
import { engines } from './engines.ts';

const names = ['a', 'b:c', 'p/1', 'p/2', '50%'];

describe.each(engines)('a namespace with an index, on %s', (_name, create) => {
  let engine: RedisEngine;
  let keys: Keys;
  let registry: CacheRegistry;
  let cache: Cache;
  beforeAll(() => {
    engine = create();
  });
  afterAll(() => engine.close());
  beforeEach(() => open());

  const open = (): void => {
    keys = createKeys(uniquePrefix());
    registry = new CacheRegistry({ engine, keys, namespaces: { ns: { ttlMs: null, indexed: true } } });
    cache = registry.get('ns');
  };
  const known = async (): Promise<string[]> => {
    const all = await engine.zrange(keys.access('ns', 'recency'), { by: 'index', start: 0, stop: -1 });
    return all
      .map(({ member }) => member)
      .filter((member) => !isMark(member))
      .toSorted();
  };
  const left = async (): Promise<string[]> => {
    const stored = await engine.mget(names.map((key) => keys.cache('ns', key)));
    return names.filter((_, at) => stored[at] !== null).toSorted();
  };

  const name = fc.constantFrom(...names);
  const ways: Record<string, (key: string) => Promise<unknown>> = {
    set: (key) => cache.set(key, 1),
    'set with tags': (key) => cache.set(key, 1, { tags: ['t'] }),
    'set with a time to live': (key) => cache.set(key, 1, { ttlMs: 60_000 }),
    create: (key) => cache.write(key, { body: '1', contentType: 'text/plain' }, { createOnly: true }),
    write: (key) => cache.write(key, { body: '1', contentType: 'text/plain' }),
    load: (key) => cache.getOrSet(key, () => Promise.resolve(1)),
    'load many': (key) => cache.getOrSetMany([key, 'a'], (asked) => new Map(asked.map((one) => [one, 1]))),
    'write many': (key) => cache.setMany([key, 'a', 'p/1'].map((one) => ({ key: one, value: 1 }))),
    delete: (key) => cache.delete(key),
    'delete many': (key) => cache.deleteMany([key, 'a']),
    'invalidate keys': (key) => cache.invalidate({ keys: [key] }),
    'invalidate a prefix': () => cache.invalidate({ prefix: 'p/' }),
    'invalidate all': () => cache.invalidate({ all: true }),
    expire: (key) => cache.invalidate({ keys: [key] }, { mode: 'expire' }),
  };

  test('knows every entry at any time, and no other once notes are written, whatever is done', async () => {
    const step = fc.tuple(fc.constantFrom(...Object.keys(ways)), name);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        open();
        for (const [way, key] of steps) {
          await ways[way]?.(key);
          expect(await known(), way).toEqual(expect.arrayContaining(await left()));
        }
        await registry.close();
        expect(await known()).toEqual(await left());
      }),
      { numRuns: 60 },
    );
  });
});
