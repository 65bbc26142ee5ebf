import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  createEngine,
  createKeys,
  type Keys,
  MemoryEngine,
  type RedisEngine,
  UnavailableError,
  UnknownOutcomeError,
} from '@holdfast/redis-core';
import { eventually, monitor, type RedisServer, startRedis, TestClock, uniquePrefix } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { AccessTracker } from '../src/access-tracker.ts';
import { calm, engines } from './engines.ts';

const start = Date.UTC(2026, 0, 1);

describe.each(engines)('access counts on %s', (_name, create) => {
  let engine: RedisEngine;
  let keys: Keys;
  beforeAll(() => {
    engine = create();
  });
  afterAll(() => engine.close());
  beforeEach(() => {
    keys = createKeys(uniquePrefix());
  });

  test('say which keys were read most, and when last, over all processes', async () => {
    const clock = new TestClock(start);
    const [one, two] = [0, 1].map(() => new AccessTracker({ engine, keys, now: clock.now })) as [
      AccessTracker,
      AccessTracker,
    ];
    one.hit('ns', 'a');
    two.hit('ns', 'b', 3);
    clock.advance(1000);
    one.hit('ns', 'a');
    one.hit('other', 'z');
    // The process that read it later flushes first.
    await one.flush();
    await two.close();
    two.hit('ns', 'a', 100);
    await one.close();
    expect(await one.top('ns')).toEqual([
      { key: 'b', hits: 3, lastAccess: '2026-01-01T00:00:00.000Z' },
      { key: 'a', hits: 2, lastAccess: '2026-01-01T00:00:01.000Z' },
    ]);
    expect(await one.top('ns', 1)).toHaveLength(1);
    expect(await one.top('other')).toEqual([{ key: 'z', hits: 1, lastAccess: '2026-01-01T00:00:01.000Z' }]);
    expect(await one.top('none')).toEqual([]);
  });

  test('are all written by close, also those of a flush under way and of many keys', async () => {
    const tracker = new AccessTracker({ engine, keys });
    for (let index = 0; index < 2500; index += 1) tracker.hit('ns', `key ${index}`);
    void tracker.flush();
    void tracker.flush();
    for (let index = 0; index < 2500; index += 1) tracker.hit('ns', `key ${index}`);
    void tracker.flush();
    await tracker.close();
    expect(tracker.dropped).toBe(0);
    const counted = await engine.zrange(keys.access('ns', 'hits'), { by: 'index', start: 0, stop: -1 });
    expect(counted).toHaveLength(2500);
    expect(counted.every(({ score }) => score === 2)).toBe(true);
  });

  test('of keys beyond those that Redis remembers go, the least read first', async () => {
    const tracker = new AccessTracker({ engine, keys, maxRemembered: 3 });
    for (const [index, key] of ['a', 'b', 'c', 'd', 'e'].entries()) tracker.hit('ns', key, index + 1);
    await tracker.close();
    expect((await tracker.top('ns')).map(({ key }) => key)).toEqual(['e', 'd', 'c']);
    expect(await engine.zcard(keys.access('ns', 'last'))).toBe(3);
  });

  test('beyond the bound of a process are counted as dropped; known keys still count', async () => {
    const tracker = new AccessTracker({ engine, keys, maxPending: 2 });
    for (const key of ['a', 'b', 'c', 'a']) tracker.hit('ns', key);
    expect(tracker).toMatchObject({ pending: 2, dropped: 1 });
    await tracker.flush();
    tracker.hit('ns', 'c');
    await tracker.close();
    expect((await tracker.top('ns')).map(({ key, hits }) => `${key} ${hits}`)).toEqual(['a 2', 'c 1', 'b 1']);
  });

  test('are uses, where a namespace evicts what was used longest ago', async () => {
    const clock = new TestClock(start);
    const keepsRecency = (namespace: string): boolean => namespace === 'bounded';
    const tracker = new AccessTracker({ engine, keys, keepsRecency, now: clock.now });
    await engine.zadd(keys.access('bounded', 'recency'), [{ member: 'a', score: start - 1 }]);
    tracker.hit('bounded', 'a');
    // Deleted since it was read: its name does not come back.
    tracker.hit('bounded', 'gone');
    tracker.hit('free', 'a');
    await tracker.close();
    const all = { by: 'index', start: 0, stop: -1 } as const;
    expect(await engine.zrange(keys.access('bounded', 'recency'), all)).toEqual([{ member: 'a', score: start }]);
    expect(await engine.zcard(keys.access('free', 'recency'))).toBe(0);
  });
});

describe('a flush', () => {
  /** An engine whose scripts fail as they are told to. */
  class FailingEngine extends MemoryEngine {
    failWith: Error | undefined;
    override run: MemoryEngine['run'] = (...call) =>
      this.failWith === undefined ? super.run(...call) : Promise.reject(this.failWith);
  }
  const keys = createKeys('test');
  let engine: FailingEngine;
  beforeEach(() => {
    engine = new FailingEngine();
  });
  afterEach(async () => {
    vi.useRealTimers();
    await engine.close();
  });

  test('keeps the counts while Redis is away, within the bound, and writes them later', async () => {
    const tracker = new AccessTracker({ engine, keys, maxPending: 3 });
    engine.failWith = new UnavailableError('away');
    tracker.hit('ns', 'a', 2);
    tracker.hit('ns', 'b');
    await tracker.flush();
    for (const key of ['a', 'c', 'd']) tracker.hit('ns', key);
    await tracker.flush();
    expect(tracker).toMatchObject({ pending: 3, dropped: 1 });
    engine.failWith = undefined;
    await tracker.close();
    expect((await tracker.top('ns')).map(({ key, hits }) => `${key} ${hits}`)).toEqual(['a 3', 'c 1', 'b 1']);
  });

  test('whose outcome is unknown is not sent again', async () => {
    const events: unknown[] = [];
    const listen = (event: unknown): number => events.push(event);
    subscribe('holdfast:cache:access-flush', listen);
    const tracker = new AccessTracker({ engine, keys });
    engine.failWith = new UnknownOutcomeError('late');
    tracker.hit('ns', 'a', 5);
    await tracker.flush();
    engine.failWith = undefined;
    await tracker.close();
    unsubscribe('holdfast:cache:access-flush', listen);
    expect(await tracker.top('ns')).toEqual([]);
    expect(tracker).toMatchObject({ pending: 0, dropped: 5 });
    expect(events).toEqual([{ outcome: 'dropped', keys: 1, hits: 5 }]);
  });

  test('comes once per interval, and not at all where nothing was read', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    // The engine looks now and then for what has expired, as long as it holds anything.
    await engine.set('kept', 'x');
    const ofEngine = vi.getTimerCount();
    const run = vi.spyOn(engine, 'run');
    const tracker = new AccessTracker({ engine, keys });
    expect(vi.getTimerCount()).toBe(ofEngine);
    for (let round = 1; round <= 2; round += 1) {
      tracker.hit('ns', 'a');
      tracker.hit('ns', 'b');
      await vi.advanceTimersByTimeAsync(4999);
      expect(run).toHaveBeenCalledTimes(round - 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(run).toHaveBeenCalledTimes(round);
      expect(vi.getTimerCount()).toBe(ofEngine);
    }
    await tracker.close();
    expect(run).toHaveBeenCalledTimes(2);
  });

  test('is tried again at the next interval while Redis is away, without a further read', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const tracker = new AccessTracker({ engine, keys });
    engine.failWith = new UnavailableError('away');
    tracker.hit('ns', 'a');
    await vi.advanceTimersByTimeAsync(5000);
    engine.failWith = undefined;
    expect(tracker.pending).toBe(1);
    await vi.advanceTimersByTimeAsync(5000);
    expect(tracker.pending).toBe(0);
    await tracker.close();
  });
});

describe('in commands', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  test('1,000 reads are one, also of 1,000 different keys, and the top is one', async () => {
    const target = { kind: 'standalone', host: server.host, port: server.port } as const;
    const engine = createEngine({ name: 'cache', ...calm, target });
    const tracker = new AccessTracker({ engine, keys: createKeys('test') });
    tracker.hit('ns', 'warm');
    await tracker.flush();
    await tracker.top('ns');
    const watch = await monitor(server.url, { where: ({ argv }) => argv[0]?.toLowerCase() === 'evalsha' });
    for (let index = 0; index < 1000; index += 1) tracker.hit('ns', `key ${index}`);
    await tracker.flush();
    for (let index = 0; index < 5000; index += 1) tracker.hit('ns', `key ${index % 7}`);
    await tracker.flush();
    await watch.settle();
    expect(watch.count()).toBe(2);
    watch.reset();
    expect(await tracker.top('ns', 7)).toHaveLength(7);
    await watch.settle();
    expect(watch.count()).toBe(1);
    await watch.stop();
    await engine.close();
  });

  test('none is lost when Redis was away for a while', async () => {
    const own = await startRedis();
    const engine = createEngine({ name: 'cache', target: { kind: 'standalone', host: own.host, port: own.port } });
    const tracker = new AccessTracker({ engine, keys: createKeys('test') });
    await eventually(() => expect(engine.status.available).toBe(true));
    await own.kill();
    await eventually(() => expect(engine.status.available).toBe(false));
    tracker.hit('ns', 'a', 7);
    await tracker.flush();
    expect(tracker).toMatchObject({ pending: 1, dropped: 0 });
    await own.start();
    await eventually(() => expect(engine.status.available).toBe(true));
    await tracker.close();
    expect(await tracker.top('ns')).toMatchObject([{ key: 'a', hits: 7 }]);
    await engine.close();
    await own.stop();
  });
});
