import { createKeys, MemoryEngine } from '@holdfast/redis-core';
import { eventually, uniquePrefix } from '@holdfast/testing';
import { describe, expect, test } from 'vitest';
import { CacheRegistry, NamespaceUnknownError } from '../src/index.ts';
import { engines } from './engines.ts';

describe('the registry', () => {
  const options = { engine: new MemoryEngine(), keys: createKeys('t'), namespaces: { users: { ttlMs: 1000 } } };

  test('knows what is declared, and nothing else', () => {
    const registry = new CacheRegistry(options);
    expect(registry.get('users').ttlMs).toBe(1000);
    expect(registry.get('users')).toBe(registry.get('users'));
    expect(registry.names()).toEqual(['users']);
    expect(() => registry.get('others')).toThrow(NamespaceUnknownError);
    for (const name of ['constructor', '__proto__']) expect(() => registry.get(name)).toThrow(NamespaceUnknownError);
    expect(() => registry.get('a b')).toThrow('must be 1 to 64 characters');
  });

  test('makes undeclared namespaces where that is allowed, and forgets the oldest beyond a thousand', () => {
    const registry = new CacheRegistry({ ...options, allowUndeclared: true });
    const first = registry.get('n0');
    for (let index = 1; index <= 1000; index += 1) registry.get(`n${index}`);
    expect(registry.get('n0')).not.toBe(first);
    expect(registry.names()).toEqual(['users']);
  });
});

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
