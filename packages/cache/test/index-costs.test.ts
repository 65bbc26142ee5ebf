import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { eventually, indexLoad, Latch, type Monitor, monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cache, CacheRegistry } from '../src/index.ts';
import { calm } from './engines.ts';

const { others, waitMs } = indexLoad();
const PER_CALL = 5000;
const OWN = 10;

/** Ten entries beside many keys of others: with an index nobody looks at those. */
describe('a namespace with an index, in a Redis with many other keys', () => {
  const keys = createKeys('costs');
  let server: RedisServer;
  let engine: RedisEngine;
  let registry: CacheRegistry;
  let cache: Cache;
  let seen: Monitor;
  beforeAll(async () => {
    server = await startRedis();
    const fill = `for i = tonumber(ARGV[1]), tonumber(ARGV[1]) + tonumber(ARGV[2]) - 1 do
      redis.call('SET', 'other:' .. i, 'x') end return 1`;
    for (let base = 0; base < others; base += PER_CALL) {
      await server.command('EVAL', fill, '0', String(base), String(PER_CALL));
    }
    engine = createEngine({
      name: 'costs',
      ...calm,
      target: { kind: 'standalone', host: server.host, port: server.port },
    });
    await engine.time();
    registry = new CacheRegistry({ engine, keys, namespaces: { ns: { ttlMs: null, indexed: true } } });
    cache = registry.get('ns');
    // Until a walk over all keys has ended once, lists go by all keys.
    expect(await listed()).toEqual([]);
    await eventually(async () => expect(await engine.mget([keys.indexRepair('ns')])).not.toEqual([null]), {
      timeoutMs: waitMs,
    });
    seen = await monitor(server.url, { where: ({ argv }) => !/^(ping|time|info|client|hello)$/i.test(argv[0] ?? '') });
  });
  afterAll(async () => {
    await seen.stop();
    await registry.close();
    await engine.close();
    await server.stop();
  });

  async function listed(prefix?: string): Promise<string[]> {
    const found = new Set<string>();
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await cache.list({
        limit: 1000,
        ...(prefix === undefined ? {} : { prefix }),
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const key of page.keys) found.add(key);
      ({ cursor } = page);
    }
    return [...found].toSorted();
  }
  const counted = async (work: () => Promise<unknown>): Promise<number> => {
    await seen.settle();
    seen.reset();
    await work();
    await seen.settle();
    expect(seen.count('scan')).toBe(0);
    return seen.count();
  };
  const write = (): Promise<unknown> =>
    cache.setMany(Array.from({ length: OWN }, (_, at) => ({ key: at < 4 ? `p*[${at}` : `q${at}`, value: at })));

  test('is listed by four commands, whole or by a prefix', async () => {
    await write();
    expect(await listed()).toHaveLength(OWN);
    expect(await counted(() => listed())).toBe(4);
    expect(await listed('p*[')).toEqual(['p*[0', 'p*[1', 'p*[2', 'p*[3']);
    expect(await counted(() => listed('p*['))).toBe(4);
  });

  test('lists what a read would find, and no more', async () => {
    await write();
    await cache.set('q4', 1, { tags: ['t'] });
    await cache.invalidate({ tags: ['t'] });
    await engine.del([keys.cache('ns', 'q5')]);
    expect(await listed('q')).toEqual(['q6', 'q7', 'q8', 'q9']);
  });

  test('is invalidated by a prefix with five commands, and whole', async () => {
    await write();
    // Whether the index is complete, its names, the removal, and whether it was complete to the end.
    expect(await counted(async () => expect(await cache.invalidate({ prefix: 'p*[' })).toBe(4))).toBeLessThanOrEqual(5);
    expect(await listed()).toHaveLength(OWN - 4);
    expect(await counted(async () => expect(await cache.invalidate({ all: true })).toBe(OWN - 4))).toBeLessThanOrEqual(
      5,
    );
    expect(await listed()).toEqual([]);
  });

  test('an invalidation by the index ends the loads that have begun in another process', async () => {
    const elsewhere = createEngine({
      name: 'else',
      ...calm,
      target: { kind: 'standalone', host: server.host, port: server.port },
    });
    const other = new CacheRegistry({ engine: elsewhere, keys, namespaces: { ns: { ttlMs: null, indexed: true } } });
    for (const key of ['q1', 'new']) {
      const [loading, loaded] = [new Latch(), new Latch()];
      const value = other.get('ns').getOrSet(key, async () => {
        loading.open();
        await loaded.wait();
        return 'of before';
      });
      await loading.wait();
      await cache.invalidate({ all: true });
      loaded.open();
      expect(await value).toBe('of before');
      expect(await cache.get(key)).toBeUndefined();
    }
    await other.close();
    await elsewhere.close();
  });

  test('tells its size by one command', async () => {
    await write();
    await cache.size();
    expect(await counted(async () => expect((await cache.size())?.entries).toBe(OWN))).toBeLessThanOrEqual(1 + 3);
    expect(await counted(() => cache.size())).toBe(1);
  });

  test('is listed by all keys again as soon as its index is gone', async () => {
    await write();
    await engine.del([keys.access('ns', 'recency')]);
    expect(await listed()).toHaveLength(OWN);
  });
});
