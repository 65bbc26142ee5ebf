import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  createEngine,
  createKeys,
  type Keys,
  MemoryEngine,
  type RedisEngine,
  UnavailableError,
} from '@holdfast/redis-core';
import { monitor, startRedis, TestClock, uniquePrefix, useRedis } from '@holdfast/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { AccessTracker } from '../src/access-tracker.ts';
import { RecencyIndex, type RecencyIndexOptions } from '../src/recency-index.ts';

const { host, port, db } = useRedis();
const start = Date.UTC(2026, 0, 1);
const names = 'abcdefgh'.split('');

describe.each([
  ['memory', (): RedisEngine => new MemoryEngine()],
  ['ioredis', (): RedisEngine => createEngine({ name: 'cache', target: { kind: 'standalone', host, port, db } })],
])('a namespace with a bound on its entries, on %s', (_name, create) => {
  let engine: RedisEngine;
  let keys: Keys;
  let clock: TestClock;
  beforeAll(() => {
    engine = create();
  });
  afterAll(() => engine.close());
  beforeEach(() => {
    keys = createKeys(uniquePrefix());
    clock = new TestClock(start);
  });

  const indexOf = (maxEntries: number, options: Partial<RecencyIndexOptions> = {}): RecencyIndex =>
    new RecencyIndex({
      engine,
      keys,
      namespace: 'ns',
      maxEntries,
      now: clock.now,
      remove: (oldest) => engine.del(oldest.map((key) => keys.cache('ns', key))),
      ...options,
    });

  /** Stores an entry and notes it, a millisecond after the one before. */
  const write = async (index: RecencyIndex, key: string, ttlMs: number | null = null): Promise<void> => {
    clock.advance(1);
    await engine.set(keys.cache('ns', key), 'value');
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
    expect(index.lastCount).toEqual({ entries: 2, at: clock.now() });
    await write(index, 'e');
    await index.close();
    expect(index.evictions).toBe(0);
    expect(await left(['c', 'd', 'e'])).toEqual(['c', 'd', 'e']);
  });

  test('evicts many in steps of 200, and tells how many', async () => {
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
      [...Array.from({ length: 8 }, () => 200), 1].map((count) => ({ namespace: 'other', count })),
    );
  });

  test('leaves alone what is written while it evicts', async () => {
    const index: RecencyIndex = indexOf(1, {
      remove: async (oldest) => {
        await engine.del(oldest.map((key) => keys.cache('ns', key)));
        // Another request stores the evicted entry anew before its name is forgotten.
        if (oldest.includes('a')) await write(index, 'a');
      },
    });
    await write(index, 'a');
    await write(index, 'b');
    await index.flush();
    expect(await left(['a', 'b'])).toEqual(['a', 'b']);
    const known = await engine.zrange(keys.access('ns', 'recency'), { by: 'index', start: 0, stop: -1 });
    expect(known.map(({ member }) => member)).toEqual(expect.arrayContaining(await left(['a', 'b'])));
  });

  test('stays within its bound whatever is written, read and deleted, and knows every entry that is left', async () => {
    const name = fc.constantFrom(...names);
    const step = fc.record({ kind: fc.constantFrom('write', 'write', 'expiring', 'delete', 'flush'), name });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 40 }), async (bound, steps) => {
        keys = createKeys(uniquePrefix());
        const index = indexOf(bound, { refreshEvery: 5 });
        for (const todo of steps) {
          if (todo.kind === 'flush') await index.flush();
          else if (todo.kind === 'delete') {
            clock.advance(1);
            await engine.del([keys.cache('ns', todo.name)]);
            index.removed(todo.name);
          } else await write(index, todo.name, todo.kind === 'write' ? null : 60_000);
        }
        await index.close();
        const known = await engine.zrange(keys.access('ns', 'recency'), { by: 'index', start: 0, stop: -1 });
        expect(known.length).toBeLessThanOrEqual(bound);
        // It may know one more: an entry that was written while its eviction was on its way is gone, and its name goes
        // when it has become the oldest.
        expect(known.map(({ member }) => member)).toEqual(expect.arrayContaining(await left(names)));
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
    new RecencyIndex({ engine, keys, namespace: 'ns', maxEntries: 100_000, remove: async () => {}, now: () => start });

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
    expect(vi.getTimerCount()).toBe(0);
    await index.close();
    vi.useRealTimers();
    await engine.close();
  });
});

test('a hundred writes are noted in ten commands, counted by Redis', async () => {
  const server = await startRedis();
  const engine = createEngine({ name: 'cache', target: { kind: 'standalone', host: server.host, port: server.port } });
  const remove = (oldest: readonly string[]): Promise<number> => engine.del(oldest);
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
