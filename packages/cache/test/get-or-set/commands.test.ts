import { eventually, monitor, type Monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { storeExpired, useProcesses } from './processes.ts';

describe('the commands of getOrSet', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  const processes = useProcesses('ioredis', () => server);

  const watch = (): Promise<Monitor> => {
    const { prefix } = processes.keys;
    return monitor(server.url, { where: ({ argv }) => argv.some((part) => part.includes(prefix)) });
  };
  const sentBy = async (seen: Monitor, work: () => Promise<unknown>): Promise<(string | undefined)[]> => {
    await seen.settle();
    seen.reset();
    await work();
    await seen.settle();
    return seen.commands().map(([name]) => name?.toLowerCase());
  };

  test('are three for a miss, one for a hit, none for a hit of L1', async () => {
    const { cache, l1 } = await processes.start();
    await eventually(() => expect(l1.isTracked).toBe(true));
    // The scripts are known from here on.
    await cache.getOrSet('warm-up', () => 1);
    await cache.set('warm-up', 1, { tags: ['a'] });
    await cache.invalidate({ tags: ['a'] });
    const seen = await watch();
    const counted = async (work: () => Promise<unknown>): Promise<number> => (await sentBy(seen, work)).length;
    try {
      expect(await counted(() => cache.getOrSet('k', () => 1))).toBe(3);
      expect(await counted(() => cache.getOrSet('k', () => 1))).toBe(1);
      expect(await counted(() => cache.getOrSet('k', () => 1))).toBe(0);
      expect(await counted(() => cache.get('k'))).toBe(0);
      expect(await counted(() => cache.set('t', 1, { tags: ['a'] }))).toBe(1);
      expect(await counted(() => cache.get('t'))).toBe(2); // the entry, and once the state of the tags
      await cache.set('t2', 1, { tags: ['a'] });
      expect(await counted(() => cache.get('t2'))).toBe(1);
      expect(await counted(() => cache.get('t2'))).toBe(0);
      expect(await counted(() => cache.invalidate({ tags: ['a', 'b'] }))).toBe(1);
    } finally {
      await seen.stop();
    }
  });

  test('are a plain SET for a lease where no tags are in use, once the state of the tags was read', async () => {
    const { cache, l1 } = await processes.start();
    const state = processes.keys.cacheTags('ns');
    await eventually(() => expect(l1.isTracked).toBe(true));
    await cache.getOrSet('warm-up', () => 1); // by script, as nothing is known of tags yet
    const seen = await watch();
    const load = (key: string) => (): Promise<unknown> => cache.getOrSet(key, () => 1);
    try {
      // The first two of them in one round trip.
      expect(new Set(await sentBy(seen, load('k1')))).toEqual(new Set(['get', 'set', 'zrange', 'evalsha']));
      expect(await sentBy(seen, load('k2'))).toEqual(['get', 'set', 'evalsha']);
      // Redis cannot follow every key for ever, and says so by reporting it: asked for once more.
      l1.forget(state);
      await cache.getOrSet('by script', () => 1);
      await cache.getOrSet('reads the state', () => 1);
      expect(await sentBy(seen, load('k3'))).toEqual(['get', 'set', 'evalsha']);
      // Somebody else begins with tags: what a lease has to ask for is not kept from then on.
      await (await processes.plainCacheOf()).invalidate({ tags: ['a'] });
      await eventually(() => expect(l1.knownTags(state)?.stamp).toBeUndefined());
      expect(await sentBy(seen, load('k4'))).toEqual(['get', 'evalsha', 'evalsha']);
    } finally {
      await seen.stop();
    }
  });

  test('are shared by all callers of one missing key', async () => {
    const { cache, l1 } = await processes.start();
    await eventually(() => expect(l1.isTracked).toBe(true));
    await cache.getOrSet('warm-up', () => 1);
    await cache.getOrSet('plain from here on', () => 1);
    await storeExpired(cache, 'old', 'warm-up');
    await cache.getOrSet('warm-up', () => 1);
    const loader = vi.fn(() => 'loaded');
    const seen = await watch();
    const ask = (key: string): Promise<unknown> =>
      Promise.all(Array.from({ length: 300 }, () => cache.getOrSet(key, loader)));
    try {
      expect(await sentBy(seen, () => ask('k'))).toEqual(['get', 'set', 'evalsha']);
      expect(loader).toHaveBeenCalledTimes(1);
      // And of one that is over.
      await cache.read('k');
      await (await processes.plainCacheOf()).invalidate({ keys: ['k'] }, { mode: 'expire' });
      await eventually(() => expect(l1.get(processes.keys.cache('ns', 'k'))).toBeUndefined());
      await cache.read('k');
      expect(await sentBy(seen, () => ask('k'))).toEqual(['evalsha', 'evalsha']);
      expect(loader).toHaveBeenCalledTimes(2);
    } finally {
      await seen.stop();
    }
  });
});
