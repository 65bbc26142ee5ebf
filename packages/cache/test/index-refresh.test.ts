import { createKeys, type RedisEngine } from '@holdfast/redis-core';
import { eventually, Latch, uniquePrefix } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CacheRegistry } from '../src/index.ts';
import { engines } from './engines.ts';

describe.each(engines)('an entry that is loaded anew in a namespace with an index, on %s', (_name, create) => {
  let engine: RedisEngine;
  beforeAll(() => {
    engine = create();
  });
  afterAll(() => engine.close());

  test('is found by an invalidation of all as long as its refresh keeps it, also beyond its own time', async () => {
    const keys = createKeys(uniquePrefix());
    // A lease that is not renewed before the end of the test.
    const ns = { ttlMs: 5000, softTtlMs: 1, leaseMs: 60_000, indexed: true };
    const registry = new CacheRegistry({ engine, keys, namespaces: { ns } });
    const cache = registry.get('ns');
    const load = new Latch();
    const loads: string[] = [];
    const loader = async (): Promise<string> => {
      const value = loads.length === 0 ? 'before' : 'after';
      loads.push(value);
      if (value === 'before') await load.wait();
      return value;
    };
    try {
      await eventually(async () => expect((await cache.size())?.isEstimate).toBe(false), { timeoutMs: 20_000 });
      await eventually(
        async () => {
          // Once more where this machine had no time before the entry was over.
          if ((await cache.get('k')) === undefined) await cache.set('k', 'old');
          expect(await cache.getOrSet('k', loader)).toBe('old');
          expect(loads).toHaveLength(1);
        },
        { timeoutMs: 20_000 },
      );
      await eventually(
        async () => {
          // It is over, but not gone: whoever looks at the index now forgets what has expired.
          expect(await cache.get('k')).toBeUndefined();
          await cache.size();
          expect(await engine.get(keys.cache('ns', 'k'))).not.toBeNull();
        },
        { timeoutMs: 20_000 },
      );
      await cache.invalidate({ all: true });
      expect(await engine.mget([keys.cache('ns', 'k')])).toEqual([null]);
      load.open();
      expect(await cache.getOrSet('k', loader)).toBe('after');
    } finally {
      load.open();
      await registry.close();
    }
  });
});
