import { eventually } from '@holdfast/testing';
import { describe, expect, test, vi } from 'vitest';
import { heldLoader, kinds, storeExpired, useProcesses } from './processes.ts';

describe.each(kinds)('getOrSet on %s', (kind) => {
  const processes = useProcesses(kind);
  const { cacheOf } = processes;

  test('loads on a miss, stores, and then does not load again', async () => {
    const cache = await cacheOf();
    const loader = vi.fn(() => ({ name: 'Ada' }));
    expect(await cache.getOrSet('k', loader)).toEqual({ name: 'Ada' });
    expect(await cache.getOrSet('k', loader)).toEqual({ name: 'Ada' });
    expect(await (await cacheOf()).get('k')).toEqual({ name: 'Ada' });
    expect(loader).toHaveBeenCalledTimes(1);
  });

  test('200 at once, in four processes, load once and all get the value', async () => {
    const caches = await Promise.all([cacheOf(), cacheOf(), cacheOf(), cacheOf()]);
    const { load, started, gate } = heldLoader(() => 'value');
    const calls = Array.from({ length: 50 }, () => caches.map((cache) => cache.getOrSet('cold', load))).flat();
    await started.wait();
    gate.open();
    expect(await Promise.all(calls)).toEqual(Array(200).fill('value'));
    expect(load).toHaveBeenCalledTimes(1);
  });

  test('the loader sets time to live and tags, and gets the key and the stale value', async () => {
    const cache = await cacheOf({ graceMs: 60_000 });
    await cache.set('k', 'old', { ttlMs: 60_000 });
    await cache.invalidate({ all: true }, { mode: 'expire' });
    const seen: unknown[] = [];
    await cache.getOrSet<string>('k', (context) => {
      seen.push(context.key, context.stale);
      context.setTtl(5000);
      context.setTags(['t']);
      return 'new';
    });
    expect(seen).toEqual(['k', 'old']);
    expect(await cache.read('k')).toMatchObject({ tags: ['t'] });
    expect((await cache.read('k'))?.ttlMs).toBeLessThanOrEqual(5000);
    await cache.invalidate({ tags: ['t'] });
    expect(await cache.get('k')).toBeUndefined();
  });

  test('at the soft time-out the stale value is served, and the loader goes on', async () => {
    const cache = await cacheOf({ graceMs: 60_000 });
    await storeExpired(cache, 'old');
    const slow = heldLoader(() => 'new');
    expect(await cache.getOrSet('k', slow.load, { softTimeoutMs: 10 })).toBe('old');
    slow.gate.open();
    await eventually(async () => expect(await cache.get('k')).toBe('new'));
  });

  test('a stale entry is served at once and refreshed behind the back of its readers, once', async () => {
    const cache = await cacheOf({ softTtlMs: 1 });
    await cache.set('k', 'old');
    await eventually(async () => expect(await cache.read('k')).toMatchObject({ stale: true }));
    const { load, gate } = heldLoader(() => 'new');
    for (let call = 0; call < 10; call += 1) expect(await cache.getOrSet('k', load)).toBe('old');
    await eventually(() => expect(load).toHaveBeenCalledTimes(1));
    gate.open();
    await eventually(async () => expect(await cache.get('k')).toBe('new'));
  });

  test('an entry near its end is refreshed early', async () => {
    const cache = await cacheOf({ earlyRefresh: 0 });
    await cache.set('k', 'old');
    const loader = vi.fn(() => 'new');
    expect(await cache.getOrSet('k', loader)).toBe('old');
    await eventually(async () => expect(await cache.get('k')).toBe('new'));
    expect(loader).toHaveBeenCalledTimes(1);
  });

  test('that there is nothing is kept where asked for, and is not a value', async () => {
    const cache = await cacheOf({ negativeTtlMs: 60_000 });
    const nothing = vi.fn(() => undefined);
    expect(await cache.getOrSet('k', nothing)).toBeUndefined();
    expect(await cache.getOrSet('k', nothing)).toBeUndefined();
    expect(nothing).toHaveBeenCalledTimes(1);
    expect(await cache.read('k')).toBeNull();
    const without = await cacheOf();
    const again = vi.fn(() => undefined);
    await without.getOrSet('k2', again);
    await without.getOrSet('k2', again);
    expect(again).toHaveBeenCalledTimes(2);
  });

  test('a foreign value is loaded around, and stays as it is', async () => {
    const { cache, engine } = await processes.start();
    const key = processes.keys.cache('ns', 'k');
    await engine.hset(key, { a: '1' });
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect((await engine.hget(key, ['a'])).toString()).toBe('1');
    expect(cache.stats().foreign).toBeGreaterThan(0);
  });

  test('a namespace that is off loads each time', async () => {
    const cache = await cacheOf({ ttlMs: 0 });
    const loader = vi.fn(() => 'value');
    await cache.getOrSet('k', loader);
    expect(await cache.getOrSet('k', loader)).toBe('value');
    expect(loader).toHaveBeenCalledTimes(2);
  });

  describe('of many keys', () => {
    test('calls one loader for all that are missing, in the order asked', async () => {
      const cache = await cacheOf();
      await cache.set('b', 'B');
      const loader = vi.fn((missing: readonly string[]) => new Map(missing.map((key) => [key, key.toUpperCase()])));
      expect(await cache.getOrSetMany(['a', 'b', 'c', 'a'], loader)).toEqual(['A', 'B', 'C', 'A']);
      expect(loader).toHaveBeenCalledTimes(1);
      expect([...(loader.mock.calls[0]?.[0] ?? [])].sort()).toEqual(['a', 'c']);
      expect(await cache.getMany(['a', 'b', 'c'])).toEqual(['A', 'B', 'C']);
    });

    test('a key that the loader leaves out is one for which there is nothing', async () => {
      const cache = await cacheOf();
      expect(await cache.getOrSetMany(['a', 'b'], () => new Map([['a', 1]]))).toEqual([1, undefined]);
    });

    test('a key that another process loads is waited for', async () => {
      const [one, two] = [await cacheOf(), await cacheOf()];
      const { load, started, gate } = heldLoader(() => 'from one');
      const first = one.getOrSet('a', load);
      await started.wait();
      const asked: string[] = [];
      const many = two.getOrSetMany(['a', 'b'], (missing) => {
        asked.push(...missing);
        return new Map(missing.map((key) => [key, 'from two']));
      });
      await eventually(() => expect(asked).toEqual(['b']));
      gate.open();
      expect(await many).toEqual(['from one', 'from two']);
      expect(await first).toBe('from one');
    });
  });
});
