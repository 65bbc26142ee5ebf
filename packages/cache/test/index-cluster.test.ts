import { createEngine, createKeys } from '@holdfast/redis-core';
import { eventually, startCluster, uniquePrefix } from '@holdfast/testing';
import { expect, test } from 'vitest';
import { CacheRegistry } from '../src/index.ts';
import { calm } from './engines.ts';

const BOUND = 100;

test('on a cluster a bound holds under bulk writes, lists go by the index, and an invalidation reaches all', async () => {
  const started = await startCluster();
  const engine = createEngine({ name: 'index', ...calm, target: { kind: 'cluster', nodes: started.addresses } });
  const keys = createKeys(uniquePrefix());
  const registry = new CacheRegistry({ engine, keys, namespaces: { ns: { ttlMs: null, maxEntries: BOUND } } });
  try {
    const cache = registry.get('ns');
    const listed = async (): Promise<Set<string>> => {
      const found = new Set<string>();
      for (let cursor: string | null | undefined; cursor !== null;) {
        const page = await cache.list({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
        for (const key of page.keys) found.add(key);
        ({ cursor } = page);
      }
      return found;
    };
    for (let base = 0; base < 1500; base += 500) {
      const items = Array.from({ length: 500 }, (_, at) => ({ key: `key ${base + at}`, value: at }));
      expect(await cache.setMany(items)).toMatchObject({ failed: 0 });
    }
    await eventually(async () => expect(await cache.indexedKeys()).not.toBeNull());
    const size = (await cache.size())?.entries ?? 0;
    // What is noted of the evictions comes with the next look.
    expect(size).toBeLessThanOrEqual(BOUND + 100);
    const names = await listed();
    expect(names.size).toBeGreaterThanOrEqual(BOUND);
    expect(names.size).toBeLessThanOrEqual(BOUND + 100);
    await cache.invalidate({ all: true });
    expect(await listed()).toEqual(new Set());
  } finally {
    await registry.close();
    await engine.close();
    await started.stop();
  }
});
