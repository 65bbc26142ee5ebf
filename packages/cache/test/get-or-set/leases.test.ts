import { eventually, FaultProxy, Latch, monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LoaderFailedError } from '../../src/index.ts';
import { heldLoader, useProcesses } from './processes.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
const processes = useProcesses('ioredis', () => server);

describe('the lease of a load', () => {
  test('is taken over when the process that holds it is gone', async () => {
    const [dying, living] = [await processes.start({ leaseMs: 300 }), await processes.start({ leaseMs: 300 })];
    const started = new Latch();
    const never = dying.cache.getOrSet(
      'k',
      () => {
        started.open();
        return new Promise<string>(() => undefined);
      },
      { hardTimeoutMs: 2000 },
    );
    never.catch(() => undefined); // it fails when its process ends, which is what is asked for
    await started.wait();
    const waiting = living.cache.getOrSet('k', () => 'taken over');
    await dying.engine.close(); // as a process that dies: nothing renews its lease any more
    expect(await waiting).toBe('taken over');
  });

  test('is kept by a loader that takes longer than it', async () => {
    const [slow, other] = [await processes.cacheOf({ leaseMs: 1000 }), await processes.cacheOf({ leaseMs: 1000 })];
    const { load, started, gate } = heldLoader(() => 'slow');
    const loading = slow.getOrSet('k', load);
    await started.wait();
    const loader = vi.fn(() => 'second');
    const waiting = other.getOrSet('k', loader);
    const renewed = performance.now() + 2000; // twice as long as the lease
    await eventually(() => expect(performance.now()).toBeGreaterThan(renewed));
    gate.open();
    expect(await loading).toBe('slow');
    expect(await waiting).toBe('slow');
    expect(loader).not.toHaveBeenCalled();
  });

  test('ends with the error of the loader, which others get as a LoaderFailedError', async () => {
    const [one, two] = [await processes.cacheOf({ ttlMs: 60_000 }), await processes.cacheOf({ ttlMs: 60_000 })];
    const { load, started, gate } = heldLoader(() => {
      throw new TypeError('no such user');
    });
    const failed = expect(one.getOrSet('k', load)).rejects.toThrow(TypeError);
    await started.wait();
    const { prefix } = processes.keys;
    const seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.includes(prefix)) });
    const waiting = expect(two.getOrSet('k', () => 'not asked')).rejects.toThrow(LoaderFailedError);
    await eventually(async () => {
      await seen.settle();
      expect(seen.count('get')).toBeGreaterThan(0); // the other process has met the lease
    });
    await seen.stop();
    gate.open();
    await failed;
    await waiting;
  });
});

describe('a load and what others invalidate', () => {
  test('sees what was invalidated before it, and is refused by what is invalidated during it, with a plain lease too', async () => {
    const { cache, l1 } = await processes.start();
    const other = await processes.plainCacheOf();
    await eventually(() => expect(l1.isTracked).toBe(true));
    await cache.getOrSet('warm-up', () => 1);
    await cache.getOrSet('plain from here on', () => 1);
    const made = await cache.getOrSet('k', async ({ setTags }) => {
      setTags(['a']);
      await other.invalidate({ tags: ['a'] });
      return 'of yesterday';
    });
    expect(made).toBe('of yesterday');
    expect(await other.get('k')).toBeUndefined();
    await cache.getOrSet('k', ({ setTags }) => {
      setTags(['a']);
      return 'of today';
    });
    expect(await other.get('k')).toBe('of today');
  });

  test('are known to a process that begins with tags itself, from then on', async () => {
    const { cache, l1 } = await processes.start();
    const other = await processes.plainCacheOf();
    await eventually(() => expect(l1.isTracked).toBe(true));
    await cache.getOrSet('warm-up', () => 1);
    await cache.getOrSet('plain from here on', () => 1);
    await cache.set('first with a tag', 1, { tags: ['a'] });
    await other.invalidate({ tags: ['a'] });
    await cache.getOrSet('k', () => 'loaded after it', { tags: ['a'] });
    expect(await other.get('k')).toBe('loaded after it');
  });

  test('keep what was invalidated meanwhile from being served as grace, also when Redis is gone by then', async () => {
    const proxy = await FaultProxy.listen(server.url);
    try {
      const cache = await processes.plainCacheOf({ graceMs: 60_000 }, proxy);
      await cache.set('k', 'of yesterday', { tags: ['a'], ttlMs: 1 });
      await eventually(async () => expect(await cache.get('k')).toBeUndefined());
      const { load, started, gate } = heldLoader<string>(() => {
        throw new Error('The upstream failed.');
      });
      const outcome = cache.getOrSet('k', load).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      await started.wait();
      await cache.invalidate({ tags: ['a'] });
      proxy.refuse();
      gate.open();
      expect(await outcome).toEqual({ error: new Error('The upstream failed.') });
    } finally {
      await proxy.close();
    }
  });
});
