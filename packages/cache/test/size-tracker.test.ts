import { createKeys, type Keys, MemoryEngine, type RedisEngine } from '@holdfast/redis-core';
import { eventually, Latch, TestClock, uniquePrefix } from '@holdfast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { SizeTracker } from '../src/size-tracker.ts';
import { engines } from './engines.ts';

const noPause = async (): Promise<void> => {};

describe.each(engines)('the size of a namespace on %s', (_name, create) => {
  let engine: RedisEngine;
  let keys: Keys;
  let clock: TestClock;
  beforeAll(() => {
    engine = create();
  });
  afterAll(() => engine.close());
  beforeEach(() => {
    keys = createKeys(uniquePrefix());
    clock = new TestClock();
  });

  const tracker = (): SizeTracker => new SizeTracker({ engine, keys, now: clock.now, pause: noPause });
  const fill = (namespace: string, count: number): Promise<unknown> =>
    engine.batch(
      Array.from({ length: count }, (_, at) => ({ op: 'set', key: keys.cache(namespace, `key ${at}`), value: 'v' })),
    );

  test('is counted in the background, and says when that was', async () => {
    await fill('a', 30);
    await fill('b', 2);
    await engine.hset(keys.cache('a', 'foreign'), { field: 'value' });
    const sizes = tracker();
    expect(sizes.size('a')).toBeNull();
    await sizes.refresh();
    expect(sizes.size('a')).toEqual({ entries: 30, countedAt: clock.now(), isEstimate: false });
    expect(sizes.size('b')?.entries).toBe(2);
    expect(sizes.size('empty')?.entries).toBe(0);
    await sizes.close();
  });

  test('is counted again only when it is asked for and a minute old', async () => {
    await fill('a', 1);
    const sizes = tracker();
    await sizes.refresh();
    const countedAt = clock.now();
    await fill('a', 3);
    clock.advance(59_999);
    expect(sizes.size('a')).toEqual({ entries: 1, countedAt, isEstimate: false });
    clock.advance(1);
    // The question is answered with what is known; the next one gets the new count.
    expect(sizes.size('a')).toEqual({ entries: 1, countedAt, isEstimate: false });
    await eventually(() => expect(sizes.size('a')).toEqual({ entries: 3, countedAt: clock.now(), isEstimate: false }));
    await sizes.close();
  });

  test('is counted by one process for all', async () => {
    await fill('a', 5);
    const [one, two] = [tracker(), tracker()];
    const scan = vi.spyOn(engine, 'scan');
    await one.refresh();
    expect(scan).toHaveBeenCalled();
    scan.mockClear();
    await two.refresh();
    expect(two.size('a')).toEqual({ entries: 5, countedAt: clock.now(), isEstimate: false });
    expect(scan).not.toHaveBeenCalled();
    scan.mockRestore();
    await Promise.all([one.close(), two.close()]);
  });

  test('is not counted by two at the same time', async () => {
    await fill('a', 5);
    await engine.set(keys.sizes('claim'), 'another process', { pxMs: 60_000 });
    const sizes = tracker();
    await sizes.refresh();
    expect(sizes.size('a')).toBeNull();
    await sizes.close();
  });

  test('survives a shared count that makes no sense', async () => {
    await fill('a', 5);
    for (const nonsense of ['', '{', '[]', 'null', '{"countedAt": "now", "entries": {}}', '{"countedAt": 1}']) {
      await engine.set(keys.sizes('counts'), nonsense);
      const sizes = tracker();
      await sizes.refresh();
      expect(sizes.size('a')?.entries).toBe(5);
      await sizes.close();
    }
  });
});

test('a size that cannot be counted stays unknown, and is not asked for again at once', async () => {
  const engine = new MemoryEngine();
  const clock = new TestClock();
  const mget = vi.spyOn(engine, 'mget').mockRejectedValue(new Error('away'));
  const sizes = new SizeTracker({ engine, keys: createKeys('test'), now: clock.now });
  expect(sizes.size('a')).toBeNull();
  await sizes.refresh();
  expect(sizes.size('a')).toBeNull();
  expect(mget).toHaveBeenCalledTimes(1);
  clock.advance(60_000);
  sizes.size('a');
  expect(mget).toHaveBeenCalledTimes(2);
  await sizes.close();
  await engine.close();
});

test('closing ends a count under way', async () => {
  const engine = new MemoryEngine();
  const keys = createKeys('test');
  await engine.batch(
    Array.from({ length: 3000 }, (_, at) => ({ op: 'set', key: keys.cache('a', String(at)), value: 'v' })),
  );
  const [counting, closing] = [new Latch(), new Latch()];
  const pause = async (): Promise<void> => {
    counting.open();
    await closing.wait();
  };
  const sizes = new SizeTracker({ engine, keys, pause });
  void sizes.refresh();
  await counting.wait();
  const closed = sizes.close();
  closing.open();
  await closed;
  expect(sizes.size('a')).toBeNull();
  await engine.close();
});
