import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createEngine, createKeys } from '@holdfast/redis-core';
import { eventually, uniquePrefix, useRedis } from '@holdfast/testing';
import { afterAll, expect, test, vi } from 'vitest';
import { Cache, L1Cache } from '../src/index.ts';
import { calm } from './engines.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const { host, port, db } = useRedis();
// A machine that is busy elsewhere is no outage here: what is kept would be dropped at once.
const engine = createEngine({
  name: 'l1-memory',
  target: { kind: 'standalone', host, port, db },
  ...calm,
  trackingHeartbeatMs: 60_000,
});
afterAll(() => engine.close());

async function open(maxBytes = 2 ** 30): Promise<{ l1: L1Cache; cache: Cache; completeOf: (key: string) => string }> {
  const keys = createKeys(uniquePrefix());
  const l1 = new L1Cache(engine, { maxBytes });
  await eventually(() => expect(l1.isTracked).toBe(true));
  const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 600_000 }, { l1 });
  return { l1, cache, completeOf: (key) => keys.cache('ns', key) };
}

/** What this process holds on its heap and in its buffers. */
async function usedBytes(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    collect();
    // Buffers are given back by a finalizer, in a turn of the event loop.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const product = (index: number): unknown => ({
  id: `product-${index}`,
  name: `A product with a name of its own, number ${index}`,
  price: index + 0.99,
  stock: { amount: index, place: `shelf ${index % 100}` },
  labels: ['new', 'in stock', `label ${index}`],
});

test.each([
  ['read as bytes', (cache: Cache, key: string) => cache.read(key)],
  ['read as values, which are kept as well', (cache: Cache, key: string) => cache.get(key)],
])('entries take about the memory that is counted for them: %s', async (_, read) => {
  const { l1, cache } = await open();
  const list = Array.from({ length: 10_000 }, (_none, index) => `key-${index}`);
  await cache.setMany(list.map((key, index) => ({ key, value: product(index) })));
  const fill = async (): Promise<void> => {
    for (let at = 0; at < list.length; at += 100) {
      await Promise.all(list.slice(at, at + 100).map((key) => read(cache, key)));
    }
  };
  const before = await usedBytes();
  // What is read while tracking is not armed is not kept: on a busy machine that may happen between two reads.
  await eventually(async () => {
    await fill();
    expect(cache.stats().l1.totalEntries).toBe(list.length);
  });
  const grown = (await usedBytes()) - before;
  expect(l1.bytes / grown).toBeGreaterThan(1 / 1.5);
  expect(l1.bytes / grown).toBeLessThan(1.5);
  l1.close();
});

test('an entry that is kept does not hold the chunk of the socket that it came in', async () => {
  const { l1, cache, completeOf } = await open();
  const list = Array.from({ length: 100 }, (_, index) => `key-${index}`);
  await cache.setMany(list.map((key, index) => ({ key, value: product(index) })));
  await Promise.all(list.map((key) => cache.get(key)));
  await cache.getMany(list.toReversed());
  for (const key of list) {
    const { entry } = l1.get(completeOf(key)) ?? expect.fail(`${key} is not kept.`);
    expect(entry.body.buffer.byteLength).toBeLessThanOrEqual(2 * entry.storedBytes);
    expect(entry.heldBytes).toBe(entry.body.buffer.byteLength);
  }
  l1.close();
});

test('a value that is too large to be kept beside its bytes leaves them there', async () => {
  const { l1, cache, completeOf } = await open(64 * 1024);
  const value = Array.from({ length: 400 }, (_, index) => ({ a: index }));
  await cache.set('k', value);
  expect(await cache.get('k')).toEqual(value);
  expect(await cache.get('k')).toEqual(value);
  expect(l1.get(completeOf('k'))).toMatchObject({ value: undefined });
  expect(cache.stats().l1.hits).toBe(1);
  l1.close();
});

test('what has expired and nobody asks for is freed as time goes by', async () => {
  const { host, port, db } = useRedis();
  const engine = createEngine({ name: 'swept', target: { kind: 'standalone', host, port, db } });
  const l1 = new L1Cache(engine, { sweepEveryMs: 20 });
  const keys = createKeys(uniquePrefix());
  let now = Date.now();
  vi.spyOn(engine, 'now').mockImplementation(() => now);
  const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }, { l1 });
  try {
    await cache.set('mortal', 'x');
    await cache.set('immortal', 'x', { ttlMs: null });
    await eventually(async () => {
      await Promise.all([cache.get('mortal'), cache.get('immortal')]);
      expect(l1.count(keys.cachePrefix('ns')).entries).toBe(2);
    });
    now += 60_001;
    await eventually(() => expect(l1.count(keys.cachePrefix('ns')).entries).toBe(1));
    expect(l1.get(keys.cache('ns', 'immortal'))).toBeDefined();
  } finally {
    l1.close();
    await engine.close();
  }
});
