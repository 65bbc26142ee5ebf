import { createKeys } from '@holdfast/redis-core';
import { eventually, uniquePrefix } from '@holdfast/testing';
import { describe, expect, test } from 'vitest';
import { CacheRegistry } from '../src/index.ts';
import { engines } from './engines.ts';

/** The parts of `Usage` have tests of their own; these show that the caches of a registry tell it everything. */
describe.each(engines)('a registry on %s', (_name, create) => {
  test('counts reads from every way in, and has them written when it closes', async () => {
    const keys = createKeys(uniquePrefix());
    const engine = create();
    const namespaces = { ns: { ttlMs: 60_000 } };
    const registry = new CacheRegistry({ engine, keys, namespaces });
    const cache = registry.get('ns');
    await cache.set('a', 1);
    await cache.set('b', 1);
    await cache.get('a');
    await cache.read('a');
    await cache.readMany(['a', 'b', 'none']);
    await cache.getOrSet('a', () => 2);
    await cache.getOrSet('new', () => 2);
    await registry.close();
    const next = new CacheRegistry({ engine, keys, namespaces });
    expect((await next.get('ns').top()).map(({ key, hits }) => [key, hits])).toEqual([
      ['a', 4],
      ['b', 1],
    ]);
    await next.close();
    await engine.close();
  });

  test('evicts what was used longest ago beyond maxEntries, and knows its size', async () => {
    const keys = createKeys(uniquePrefix());
    const engine = create();
    const registry = new CacheRegistry({
      engine,
      keys,
      namespaces: { small: { ttlMs: 600_000, maxEntries: 20 } },
      usage: { flushIntervalMs: 20 },
    });
    const cache = registry.get('small');
    await cache.setMany(Array.from({ length: 60 }, (_, index) => ({ key: `k${index}`, value: index })));
    await cache.getOrSet('loaded', () => 1);
    await eventually(async () => {
      expect((await cache.list({ limit: 1000 })).keys.length).toBeLessThanOrEqual(20);
      expect(cache.stats().evictions).toBeGreaterThanOrEqual(41);
    });
    expect(await cache.get('loaded')).toBe(1);
    await eventually(async () => expect((await cache.size())?.entries).toBeLessThanOrEqual(20));
    await registry.close();
    await engine.close();
  });

  test('expires or deletes single keys', async () => {
    const keys = createKeys(uniquePrefix());
    const engine = create();
    const registry = new CacheRegistry({ engine, keys, namespaces: { ns: { ttlMs: 60_000, graceMs: 60_000 } } });
    const cache = registry.get('ns');
    for (const key of ['a', 'b', 'c']) await cache.set(key, key);
    expect(await cache.invalidate({ keys: ['a'] }, { mode: 'expire' })).toBe(1);
    expect(await cache.invalidate({ keys: ['b', 'none'] })).toBe(1);
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual([undefined, undefined, 'c']);
    expect(await cache.getOrSet('a', () => Promise.reject(new Error('down')))).toBe('a');
    await expect(cache.getOrSet('b', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
    await registry.close();
    await engine.close();
  });
});
