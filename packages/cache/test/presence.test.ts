import { createEngine, createKeys } from '@holdfast/redis-core';
import { type RedisServer, startCluster, startRedis, uniquePrefix } from '@holdfast/testing';
import { Keyv } from 'keyv';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Cache, L1Cache } from '../src/index.ts';
import { HoldfastKeyv } from '../src/keyv.ts';
import { calm, engines } from './engines.ts';

async function cluster() {
  const nodes = await startCluster();
  const engine = createEngine({ name: 'has', ...calm, target: { kind: 'cluster', nodes: nodes.addresses } });
  return { engine, stop: () => nodes.stop() };
}

describe.each([
  ...engines.map(([name, create]) => [name, async () => ({ engine: create(), stop: async () => {} })] as const),
  ['a cluster', cluster] as const,
])('whether an entry is there, on %s', (_name, create) => {
  let made: Awaited<ReturnType<typeof create>>;
  let cache: Cache;
  let keyOf: (key: string) => string;
  beforeAll(async () => {
    made = await create();
  });
  afterAll(async () => {
    await made.engine.close();
    await made.stop();
  });
  beforeEach(() => {
    const keys = createKeys(uniquePrefix());
    keyOf = (key) => keys.cache('ns', key);
    const l1 = new L1Cache(made.engine, { maxBytes: 0 });
    cache = new Cache({ engine: made.engine, keys, namespace: 'ns', ttlMs: 60_000, graceMs: 60_000 }, { l1 });
  });
  afterEach(() => cache.invalidate({ all: true }));

  test('agrees with what a read finds', async () => {
    await cache.set('plain', 1);
    await cache.set('tagged', 1, { tags: ['kept', 'ä\t\n'.repeat(10)] });
    await cache.set('many tags', 1, {
      tags: Array.from({ length: 64 }, (_, at) => `${at}:`.padEnd(126, 'ü')),
    });
    await cache.write('typed', { body: 'line\nbreak', contentType: 'text/plain' });
    await cache.set('dead', 1, { tags: ['gone'] });
    await cache.set('expired', 1, { tags: ['over'] });
    await cache.getOrSet('negative', () => undefined, { negativeTtlMs: 60_000 });
    await cache.invalidate({ tags: ['gone'] });
    await cache.invalidate({ tags: ['over'] }, { mode: 'expire' });
    await made.engine.set(keyOf('marker'), 'HFL12345678');
    await made.engine.set(keyOf('torn'), 'HF1');
    await made.engine.hset(keyOf('hash'), { a: '1' });
    const names = [
      'plain',
      'tagged',
      'many tags',
      'typed',
      'dead',
      'expired',
      'negative',
      'marker',
      'torn',
      'hash',
      'none',
    ];
    const read = (await cache.readMany(names)).map((entry) => entry !== null);
    expect(read).toEqual([true, true, true, true, ...Array<boolean>(7).fill(false)]);
    expect(await cache.hasMany(names)).toEqual(read);
    for (const [at, name] of names.entries()) expect(await cache.has(name), name).toBe(read[at]);
  });

  test('says how many keys were removed', async () => {
    await cache.setMany(['a', 'b', 'c'].map((key) => ({ key, value: 1 })));
    expect(await cache.deleteMany(['a', 'c', 'none'])).toMatchObject({ successful: 3, failed: 0, removed: 2 });
    expect(await cache.hasMany(['a', 'b', 'c'])).toEqual([false, true, false]);
  });

  test('counts the keys of all commands that are under way at once', async () => {
    const keys = Array.from({ length: 40 }, (_, at) => `key-${at}`);
    await cache.setMany(keys.map((key) => ({ key, value: 1 })));
    expect(await cache.deleteMany(keys, { batchSize: 5, concurrency: 4 })).toMatchObject({ batches: 8, removed: 40 });
  });
});

describe('has, hasMany and deleteMany of Keyv', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  const sentBytes = async (): Promise<number> =>
    Number(/total_net_output_bytes:(\d+)/.exec(String(await server.command('INFO', 'stats')))?.[1]);

  test('move no values', async () => {
    const { host, port } = server;
    const engine = createEngine({ name: 'has', ...calm, target: { kind: 'standalone', host, port } });
    const writer = createEngine({ name: 'has', ...calm, target: { kind: 'standalone', host, port } });
    const open = (over: typeof engine): Keyv =>
      new Keyv({
        store: new HoldfastKeyv(new Cache({ engine: over, keys: createKeys('has'), namespace: 'a', ttlMs: null })),
      });
    try {
      const value = 'x'.repeat(1_000_000);
      await open(writer).setMany(['a', 'b', 'c'].map((key) => ({ key, value })));
      const keyv = open(engine);
      const before = await sentBytes();
      expect(await keyv.has('a')).toBe(true);
      expect(await keyv.hasMany(['a', 'b', 'none'])).toEqual([true, true, false]);
      expect(await keyv.delete(['a', 'none'])).toBe(true);
      expect(await keyv.delete(['a', 'none'])).toBe(false);
      expect(await keyv.hasMany(['a', 'b'])).toEqual([false, true]);
      expect((await sentBytes()) - before).toBeLessThan(200_000);
    } finally {
      await Promise.all([engine.close(), writer.close()]);
    }
  });
});
