import { createEngine, createKeys, type Keys, MemoryEngine, type RedisEngine } from '@holdfast/redis-core';
import { eventually, type RedisServer, startRedis, TestClock, uniquePrefix } from '@holdfast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Cache, CacheRegistry, type NamespaceOptions } from '../src/index.ts';
import { calm } from './engines.ts';

const MINUTE = 60_000;

/** What crashes, evictions and outages leave behind is made here by hand: entries without names, and names without entries. */
describe.each(['memory', 'ioredis'])('the index of a namespace, on %s', (kind) => {
  /** Its own: others' keys would be counted as well. */
  let server: RedisServer | undefined;
  let engine: RedisEngine;
  let keys: Keys;
  let clock: TestClock;
  const registries: CacheRegistry[] = [];
  beforeAll(async () => {
    if (kind === 'ioredis') server = await startRedis();
    engine =
      server === undefined
        ? new MemoryEngine()
        : createEngine({
            name: 'repair',
            ...calm,
            target: { kind: 'standalone', host: server.host, port: server.port },
          });
    await engine.time();
  });
  afterAll(async () => {
    await Promise.all(registries.splice(0).map((registry) => registry.close()));
    await engine.close();
    await server?.stop();
  });
  beforeEach(async () => {
    await Promise.all(registries.splice(0).map((registry) => registry.close()));
    keys = createKeys(uniquePrefix());
    // What entries are stamped with is the server's time.
    clock = new TestClock(Date.now());
  });

  /** As a process has it. */
  const open = (rules: Partial<NamespaceOptions>): Cache => {
    const registry = new CacheRegistry({
      engine,
      keys,
      namespaces: { ns: { ttlMs: null, ...rules } },
      usage: { now: clock.now },
    });
    registries.push(registry);
    return registry.get('ns');
  };
  const fill = async (count: number): Promise<void> => {
    const outsider = new Cache({ engine, keys, namespace: 'ns', ttlMs: null, now: clock.now });
    await outsider.setMany(Array.from({ length: count }, (_, at) => ({ key: `key ${at}`, value: at })));
  };
  const names = async (): Promise<string[]> => {
    const all = await engine.zrange(keys.access('ns', 'recency'), { by: 'index', start: 0, stop: -1 });
    return all.map(({ member }) => member);
  };
  const isComplete = async (): Promise<void> => {
    await eventually(async () => expect(await names()).toContain(''));
  };

  test('finds the entries that were there before it, and keeps their number within the bound', async () => {
    await fill(300);
    const cache = open({ maxEntries: 100 });
    // Not what the index knows, which is nothing yet.
    expect(await cache.size()).toMatchObject({ entries: 300 });
    await isComplete();
    await cache.set('new', 1);
    await registries[0]?.close();
    const stored = await engine.mget(Array.from({ length: 300 }, (_, at) => keys.cache('ns', `key ${at}`)));
    expect(stored.filter((value) => value !== null)).toHaveLength(99);
    expect(await cache.size()).toMatchObject({ entries: 100, isEstimate: false });
  });

  test('is only believed once a walk has seen every key', async () => {
    await fill(30);
    const cache = open({ indexed: true });
    await cache.set('new', 1);
    expect(await names()).toEqual(['new']);
    expect(await cache.size()).toMatchObject({ entries: 31 });
    await isComplete();
    expect((await names()).filter((name) => name !== '')).toHaveLength(31);
    expect(await cache.size()).toMatchObject({ entries: 31, isEstimate: false, countedAt: clock.now() });
  });

  test('is built again when Redis has evicted it', async () => {
    const cache = open({ indexed: true });
    await cache.setMany(Array.from({ length: 20 }, (_, at) => ({ key: `key ${at}`, value: at })));
    await cache.size();
    await isComplete();
    await engine.del([keys.access('ns', 'recency')]);
    clock.advance(MINUTE);
    expect(await cache.size()).toMatchObject({ entries: 20 });
    await isComplete();
    expect(await names()).toHaveLength(21);
  });

  test('forgets names whose entries Redis has evicted', async () => {
    const cache = open({ indexed: true });
    await cache.setMany(Array.from({ length: 150 }, (_, at) => ({ key: `key ${at}`, value: at })));
    await cache.size();
    await isComplete();
    await engine.del(Array.from({ length: 150 }, (_, at) => keys.cache('ns', `key ${at}`)));
    clock.advance(2 * MINUTE);
    expect(await cache.size()).toMatchObject({ entries: 150 });
    await eventually(async () => expect(await cache.size()).toMatchObject({ entries: 0 }));
  });

  test('finds within an hour what was written past it', async () => {
    const cache = open({ maxEntries: 50 });
    await cache.set('known', 1);
    await cache.size();
    await isComplete();
    await fill(20);
    expect(await cache.size()).toMatchObject({ entries: 1 });
    clock.advance(60 * MINUTE);
    await cache.size();
    await eventually(async () => expect(await cache.size()).toMatchObject({ entries: 21 }));
  });

  test('is repaired by one process for all', async () => {
    await fill(20);
    const [one, two] = [open({ indexed: true }), open({ indexed: true })];
    await one.size();
    await isComplete();
    await eventually(async () => expect(await engine.mget([keys.indexRepair('ns')])).not.toEqual([null]));
    const repairedAt = await engine.mget([keys.indexRepair('ns')]);
    clock.advance(1000);
    expect(await two.size()).toMatchObject({ entries: 20, isEstimate: false });
    await registries.at(-1)?.close();
    expect(await engine.mget([keys.indexRepair('ns')])).toEqual(repairedAt);
  });
});
