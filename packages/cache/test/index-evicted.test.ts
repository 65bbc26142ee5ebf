import { createEngine, createKeys } from '@holdfast/redis-core';
import { eventually, startRedis, TestClock } from '@holdfast/testing';
import { expect, test } from 'vitest';
import { CacheRegistry } from '../src/index.ts';
import { calm } from './engines.ts';

const MINUTE = 60_000;
const MAX_ENTRIES = 3000;

test('the index of a namespace agrees with it again after Redis has evicted from it for lack of memory', async () => {
  const server = await startRedis({ args: ['--maxmemory', '12mb', '--maxmemory-policy', 'allkeys-lru'] });
  const target = { kind: 'standalone', host: server.host, port: server.port } as const;
  const engine = createEngine({ name: 'evicted', ...calm, target });
  const keys = createKeys('evicted');
  const clock = new TestClock(Date.now());
  const namespaces = { ns: { ttlMs: null, maxEntries: MAX_ENTRIES } };
  const registry = new CacheRegistry({ engine, keys, namespaces, usage: { now: clock.now } });
  const cache = registry.get('ns');
  const stored = async (): Promise<number> => {
    let count = 0;
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const at: { cursor?: string } = cursor === undefined ? {} : { cursor };
      const page = await engine.scan({ prefix: keys.cachePrefix('ns'), type: 'string', count: 1000, ...at });
      count += page.keys.length;
      ({ cursor } = page);
    }
    return count;
  };
  const write = async (from: number, count: number): Promise<void> => {
    const value = 'x'.repeat(1000);
    await cache.setMany(Array.from({ length: count }, (_, at) => ({ key: `key ${from + at}`, value })));
  };
  try {
    await write(0, MAX_ENTRIES);
    await cache.size();
    // Others need the room, until half of it is gone, with the index or without.
    let fill = 0;
    while ((await stored()) > MAX_ENTRIES / 2) {
      const others = Array.from({ length: 100 }, (_, at) => `other:${fill}:${at}`);
      await Promise.all(others.map((key) => engine.set(key, 'y'.repeat(10_000))));
      fill += 1;
    }
    for (let gone = 0; gone < fill; gone += 1) {
      await engine.del(Array.from({ length: 100 }, (_, at) => `other:${gone}:${at}`));
    }
    const left = await stored();

    await eventually(async () => {
      clock.advance(2 * MINUTE);
      expect(await cache.size()).toMatchObject({ entries: left, isEstimate: false });
    });

    // And the bound holds from the next write on, once all names are there again: they may have been evicted without their entries.
    await write(MAX_ENTRIES, 2 * MAX_ENTRIES);
    await eventually(async () => {
      clock.advance(2 * MINUTE);
      await cache.size();
      await cache.setMany([
        { key: 'another', value: 1 },
        { key: 'and another', value: 1 },
      ]);
      expect(await stored()).toBeLessThanOrEqual(MAX_ENTRIES);
    });
    expect(await stored()).toBeGreaterThan(MAX_ENTRIES / 2);
  } finally {
    await registry.close();
    await engine.close();
    await server.stop();
  }
});
