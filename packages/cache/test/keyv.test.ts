import {
  createEngine,
  createKeys,
  MemoryEngine,
  UnavailableError,
  type RedisEngine,
  type ScanReply,
} from '@holdfast/redis-core';
import { monitor, startRedis, uniquePrefix, useRedis } from '@holdfast/testing';
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import { Keyv } from 'keyv';
import { Keyv as Keyv6 } from 'keyv-6';
import * as vitest from 'vitest';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Cache } from '../src/index.ts';
import { HoldfastKeyv } from '../src/keyv.ts';
import { calm } from './engines.ts';

const { host, port, db } = useRedis();

describe.each([
  ['memory', (): RedisEngine => new MemoryEngine()],
  [
    'ioredis',
    (): RedisEngine => createEngine({ name: 'cache', ...calm, target: { kind: 'standalone', host, port, db } }),
  ],
])('Keyv on %s', (_name, create) => {
  const prefix = uniquePrefix();
  let engine: RedisEngine;
  let cache: Cache;
  beforeAll(() => {
    engine = create();
    cache = new Cache({ engine, keys: createKeys(prefix), namespace: 'keyv', ttlMs: null });
  });
  afterAll(() => engine.close());

  describe('the suite of Keyv', () => {
    keyvTestSuite(vitest, Keyv, () => new HoldfastKeyv(cache));
  });
  describe('its suite for iterators', () => {
    keyvIteratorTests(vitest, Keyv, () => new HoldfastKeyv(cache));
  });

  describe.each([
    ['5', Keyv],
    // Its types differ, of which the calls below know nothing.
    ['6', Keyv6 as unknown as typeof Keyv],
  ])('version %s', (_version, Version: typeof Keyv) => {
    const keyvOf = (namespace: string, store = new HoldfastKeyv(cache)): Keyv =>
      new Version({ store, namespace, throwOnErrors: true });
    beforeEach(() => new HoldfastKeyv(cache).clear());

    test('sets, gets, has and deletes one and many', async () => {
      const keyv = keyvOf('a');
      expect(await keyv.set('x', { n: 1 })).toBe(true);
      await keyv.setMany([
        { key: 'y', value: 'text', ttl: 60_000 },
        { key: 'z', value: Buffer.from([1, 255]) },
      ]);
      expect(await keyv.get(['x', 'none', 'y', 'z'])).toEqual([{ n: 1 }, undefined, 'text', Buffer.from([1, 255])]);
      expect(await keyv.has('x')).toBe(true);
      expect(await keyv.hasMany(['x', 'none'])).toEqual([true, false]);
      expect(await keyv.delete('x')).toBe(true);
      expect(await keyv.delete('x')).toBe(false);
      await keyv.delete(['y', 'z']);
      expect(await keyv.hasMany(['x', 'y', 'z'])).toEqual([false, false, false]);
    });

    test('lets a value expire in Redis itself', async () => {
      const store = new HoldfastKeyv(cache);
      await keyvOf('a', store).set('x', 'value', 60_000);
      // The Redis is shared with other files: a page of its keys may hold none of these.
      const complete: string[] = [];
      let cursor: string | null = null;
      do {
        const page: ScanReply = await engine.scan({
          prefix: `${prefix}:cache:keyv:`,
          count: 1000,
          ...(cursor !== null && { cursor }),
        });
        complete.push(...page.keys);
        cursor = page.cursor;
      } while (cursor !== null);
      expect(complete).toHaveLength(1);
      expect(await engine.pttl(complete[0] ?? '')).toBeGreaterThan(50_000);
    });

    test('clears its own namespace alone, and lists it over pages', async () => {
      const [mine, other] = [keyvOf('mine'), keyvOf('mine2')];
      const many = Array.from({ length: 1200 }, (_, at) => ({ key: `key ${at}`, value: at }));
      await mine.setMany(many);
      await other.set('stays', 1);
      const seen = new Map<string, unknown>();
      for await (const [key, value] of mine.iterator?.(undefined) ?? []) seen.set(String(key), value);
      expect(seen).toEqual(new Map(many.map(({ key, value }) => [key, value])));
      await mine.clear();
      expect(await mine.has('key 7')).toBe(false);
      expect(await other.get('stays')).toBe(1);
    });

    test('tells of an outage', async () => {
      const down = new MemoryEngine();
      await down.close();
      const away = new Cache({ engine: down, keys: createKeys('test'), namespace: 'keyv', ttlMs: null });
      const keyv = keyvOf('a', new HoldfastKeyv(away));
      const errors: unknown[] = [];
      keyv.on('error', (error) => errors.push(error));
      await Promise.allSettled([keyv.get('x'), keyv.set('x', 1), keyv.delete('x')]);
      expect(errors.filter((error) => error instanceof UnavailableError).length).toBeGreaterThanOrEqual(3);
    });
  });

  test('the store keeps texts, bytes and values, and reads what others wrote', async () => {
    const store = new HoldfastKeyv(cache);
    const values = ['text', Buffer.from([0, 255]), { at: new Date(0), big: 1n }, null];
    for (const [index, value] of values.entries()) expect(await store.set(`v${index}`, value)).toBe(true);
    expect(await store.getMany(values.map((_, index) => `v${index}`))).toEqual(values);
    await cache.write('json', { body: '{}', contentType: 'application/problem+json' });
    await cache.write('image', { body: Buffer.from([1]), contentType: 'image/png' });
    await cache.write('broken', { body: Buffer.from('\u0001nonsense'), contentType: 'application/vnd.holdfast.value' });
    expect(await store.getMany(['json', 'image', 'broken'])).toEqual(['{}', Buffer.from([1]), undefined]);
  });

  test('one item that cannot be stored fails alone', async () => {
    const store = new HoldfastKeyv(cache);
    const errors: unknown[] = [];
    store.on('error', (error) => errors.push(error));
    const items = [
      { key: 'good', value: 'a' },
      { key: 'x'.repeat(600), value: 'b' },
    ];
    expect(await store.setMany(items)).toEqual([true, false]);
    expect(errors).toMatchObject([{ message: expect.stringContaining('KEY_INVALID') }]);
    expect(await new HoldfastKeyv(cache).setMany(items)).toEqual([true, false]);
  });

  test('a namespace that is turned off stores nothing, and says so', async () => {
    const off = new Cache({ engine, keys: createKeys(prefix), namespace: 'off', ttlMs: 0 });
    const store = new HoldfastKeyv(off);
    expect(await store.set('a', 'b')).toBe(false);
    expect(await store.get('a')).toBeUndefined();
  });
});

test('many values are few commands', async () => {
  const server = await startRedis();
  const engine = createEngine({
    name: 'cache',
    ...calm,
    target: { kind: 'standalone', host: server.host, port: server.port },
  });
  const cache = new Cache({ engine, keys: createKeys('test'), namespace: 'keyv', ttlMs: null });
  const keyv = new Keyv({ store: new HoldfastKeyv(cache) });
  await keyv.setMany([{ key: 'warm', value: 0 }]);
  const watch = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.includes('test:cache:')) });
  const items = Array.from({ length: 500 }, (_, at) => ({ key: `key ${at}`, value: at }));
  await keyv.setMany(items);
  expect(await keyv.get(items.map(({ key }) => key))).toEqual(items.map(({ value }) => value));
  await watch.settle();
  expect(watch.count()).toBeLessThanOrEqual(11);
  await watch.stop();
  await engine.close();
  await server.stop();
});
