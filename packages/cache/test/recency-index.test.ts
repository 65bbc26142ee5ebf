import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  createEngine,
  createKeys,
  type Keys,
  MemoryEngine,
  type RedisEngine,
  UnavailableError,
} from '@holdfast/redis-core';
import { monitor, startRedis, TestClock, uniquePrefix } from '@holdfast/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { AccessTracker } from '../src/access-tracker.ts';
import { Cache } from '../src/index.ts';
import { RecencyIndex, type RecencyIndexOptions } from '../src/recency-index.ts';
import { calm, engines } from './engines.ts';

const start = Date.UTC(2026, 0, 1);
const names = 'abcdefgh'.split('');

describe.each(engines)('a namespace with a bound on its entries, on %s', (_name, create) => {
  let engine: RedisEngine;
  let keys: Keys;
  let clock: TestClock;
  let cache: Cache;
  beforeAll(() => {
    engine = create();
  });
  afterAll(() => engine.close());
  beforeEach(() => {
    clock = new TestClock(start);
    open();
  });

  /** A namespace that nobody else has. */
  const open = (): void => {
    keys = createKeys(uniquePrefix());
    cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: null, now: clock.now });
  };

  const indexOf = (maxEntries: number, options: Partial<RecencyIndexOptions> = {}): RecencyIndex =>
    new RecencyIndex({
      engine,
      keys,
      namespace: 'ns',
      maxEntries,
      now: clock.now,
      remove: (victims) => cache.evict(victims),
      ...options,
    });

  /** Stores an entry and notes it, a millisecond after the one before. */
  const write = async (index: RecencyIndex, key: string, ttlMs: number | null = null): Promise<void> => {
    clock.advance(1);
    await cache.set(key, 'value');
    index.written(key, ttlMs === null ? null : clock.now() + ttlMs);
  };

  /** The entries that are there. */
  const left = async (candidates: readonly string[]): Promise<string[]> => {
    const stored = await engine.mget(candidates.map((key) => keys.cache('ns', key)));
    return candidates.filter((_, at) => stored[at] !== null);
  };

  test('evicts what was used longest ago, where a read is a use', async () => {
    const index = indexOf(3);
    const tracker = new AccessTracker({ engine, keys, keepsRecency: () => true, now: clock.now });
    for (const key of ['a', 'b', 'c']) await write(index, key);
    await index.flush();
    expect(await index.size()).toBe(3);
    clock.advance(1);
    tracker.hit('ns', 'a');
    await tracker.flush();
    await write(index, 'd');
    await write(index, 'e');
    await index.close();
    expect(await left(['a', 'b', 'c', 'd', 'e'])).toEqual(['a', 'd', 'e']);
    expect(await index.size()).toBe(3);
    expect(index.evictions).toBe(2);
  });

  test('does not count what was deleted or has expired, and evicts nothing for it', async () => {
    const index = indexOf(3);
    await write(index, 'a', 1000);
    await write(index, 'b');
    await write(index, 'c', 1000);
    await index.flush();
    index.removed('b');
    await write(index, 'c', null);
    clock.advance(1000);
    await write(index, 'd');
    await index.flush();
    expect(await index.size()).toBe(2);
    expect(index.lastCount).toEqual({ entries: 2, isComplete: false, at: clock.now() });
    await write(index, 'e');
    await index.close();
    expect(index.evictions).toBe(0);
    expect(await left(['c', 'd', 'e'])).toEqual(['c', 'd', 'e']);
  });

  test('evicts many in steps of 100, and tells how many', async () => {
    const events: unknown[] = [];
    const listen = (event: unknown): number => events.push(event);
    subscribe('holdfast:cache:eviction', listen);
    const wide = indexOf(100_000, { refreshEvery: 100_000 });
    const many = Array.from({ length: 1700 }, (_, at) => `key ${at}`);
    for (const key of many) await write(wide, key);
    await wide.close();
    const narrow = indexOf(100, { label: 'other' });
    await write(narrow, 'new');
    await narrow.close();
    unsubscribe('holdfast:cache:eviction', listen);
    expect(await left([...many, 'new'])).toEqual([...many.slice(-99), 'new']);
    expect(await narrow.size()).toBe(100);
    expect(events).toEqual(
      [...Array.from({ length: 16 }, () => 100), 1].map((count) => ({ namespace: 'other', count })),
    );
  });

  /** What the index knows, by name. */
  const known = async (): Promise<string[]> => {
    const members = await engine.zrange(keys.access('ns', 'recency'), { by: 'index', start: 0, stop: -1 });
    return members.map(({ member }) => member).toSorted();
  };

  test.each(['before', 'after'])(
    'leaves alone what is written while it evicts, %s the entry is removed',
    async (at) => {
      const index: RecencyIndex = indexOf(1, {
        remove: async (victims) => {
          const isA = victims.some(({ key }) => key === 'a');
          if (isA && at === 'before') await write(index, 'a');
          const outcomes = await cache.evict(victims);
          if (isA && at === 'after') await write(index, 'a');
          return outcomes;
        },
      });
      await write(index, 'a');
      await write(index, 'b');
      await index.flush();
      expect(await left(['a', 'b'])).toEqual(['a', 'b']);
      await index.close();
      expect(await left(['a', 'b'])).toEqual(['a']);
      expect(await known()).toEqual(['a']);
      expect(index.evictions).toBe(at === 'before' ? 1 : 2);
    },
  );

  test('counts what somebody wrote meanwhile who never told, and evicts another entry for it', async () => {
    const index: RecencyIndex = indexOf(2, {
      remove: async (victims) => {
        clock.advance(1);
        if (victims.some(({ key }) => key === 'a')) await cache.set('a', 'of a process that dies', { ttlMs: 60_000 });
        return cache.evict(victims);
      },
    });
    for (const key of ['a', 'b', 'c']) await write(index, key);
    await index.close();
    expect(await left(['a', 'b', 'c'])).toEqual(['a', 'c']);
    expect(await known()).toEqual(['a', 'c']);
  });

  test('touches nothing but entries: a lease, or what is foreign, stays', async () => {
    const index = indexOf(1);
    for (const key of ['a', 'b', 'c', 'd']) await write(index, key);
    await engine.set(keys.cache('ns', 'a'), 'HFLtoken--1');
    await engine.del([keys.cache('ns', 'b')]);
    await engine.hset(keys.cache('ns', 'b'), { field: 'foreign' });
    await index.close();
    expect((await engine.mget([keys.cache('ns', 'a')]))[0]?.toString()).toBe('HFLtoken--1');
    expect(await engine.hget(keys.cache('ns', 'b'), ['field'])).toEqual([Buffer.from('foreign')]);
    expect(await left(['c', 'd'])).toEqual(['d']);
    expect(await known()).toEqual(['d']);
    expect(index.evictions).toBe(1);
  });

  test('stays within its bound whatever is written, read and deleted, and knows every entry that is left', async () => {
    const name = fc.constantFrom(...names);
    const step = fc.record({ kind: fc.constantFrom('write', 'write', 'expiring', 'delete', 'flush'), name });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 40 }), async (bound, steps) => {
        open();
        const index = indexOf(bound, { refreshEvery: 5 });
        for (const todo of steps) {
          if (todo.kind === 'flush') await index.flush();
          else if (todo.kind === 'delete') {
            clock.advance(1);
            await cache.delete(todo.name);
            index.removed(todo.name);
          } else await write(index, todo.name, todo.kind === 'write' ? null : 60_000);
        }
        await index.close();
        expect((await known()).length).toBeLessThanOrEqual(bound);
        expect(await known()).toEqual(await left(names));
      }),
      { numRuns: 60 },
    );
  });
});

describe('notes of writes', () => {
  const keys = createKeys('test');
  class FailingEngine extends MemoryEngine {
    failWith: Error | undefined;
    override run: MemoryEngine['run'] = (...call) =>
      this.failWith === undefined ? super.run(...call) : Promise.reject(this.failWith);
  }
  const indexOn = (engine: RedisEngine): RecencyIndex =>
    new RecencyIndex({ engine, keys, namespace: 'ns', maxEntries: 100_000, remove: async () => [], now: () => start });

  test('are kept while Redis is away', async () => {
    const engine = new FailingEngine();
    const index = indexOn(engine);
    engine.failWith = new UnavailableError('away');
    for (let at = 0; at < 25; at += 1) index.written(`key ${at}`, null);
    await index.flush();
    engine.failWith = undefined;
    await index.close();
    expect(await index.size()).toBe(25);
  });

  test('stay bounded while Redis is away: the oldest are given up', async () => {
    const engine = new FailingEngine();
    const index = indexOn(engine);
    engine.failWith = new UnavailableError('away');
    for (let at = 0; at < 20_001; at += 1) index.written(`key ${at}`, null);
    await index.flush();
    engine.failWith = undefined;
    await index.close();
    expect(await engine.zcard(keys.access('ns', 'recency'))).toBe(20_000);
    expect(await engine.zrange(keys.access('ns', 'recency'), { by: 'index', start: 0, stop: 0 })).not.toContainEqual({
      member: 'key 0',
      score: start,
    });
  });

  test('are written ten together, or after the interval', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const engine = new MemoryEngine();
    await engine.set('kept', 'x');
    const ofEngine = vi.getTimerCount();
    const run = vi.spyOn(engine, 'run');
    const index = indexOn(engine);
    for (let at = 0; at < 9; at += 1) index.written(`key ${at}`, null);
    expect(run).not.toHaveBeenCalled();
    index.written('key 9', null);
    await index.flush();
    expect(run).toHaveBeenCalledTimes(1);
    index.written('key 10', null);
    await vi.advanceTimersByTimeAsync(5000);
    expect(run).toHaveBeenCalledTimes(2);
    expect(vi.getTimerCount()).toBe(ofEngine);
    await index.close();
    vi.useRealTimers();
    await engine.close();
  });
});

test('a hundred writes are noted in ten commands, counted by Redis', async () => {
  const server = await startRedis();
  const engine = createEngine({
    name: 'cache',
    ...calm,
    target: { kind: 'standalone', host: server.host, port: server.port },
  });
  const remove = (): Promise<never[]> => Promise.resolve([]);
  const index = new RecencyIndex({ engine, keys: createKeys('test'), namespace: 'ns', maxEntries: 1000, remove });
  index.written('warm', null);
  await index.flush();
  const watch = await monitor(server.url, { where: ({ argv }) => argv[0]?.toLowerCase() === 'evalsha' });
  for (let round = 0; round < 10; round += 1) {
    for (let at = 0; at < 10; at += 1) index.written(`key ${round} ${at}`, null);
    await index.flush();
  }
  await watch.settle();
  expect(watch.count()).toBe(10);
  await watch.stop();
  await index.close();
  await engine.close();
  await server.stop();
});
