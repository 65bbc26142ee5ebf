import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { type Monitor, monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AccessTracker } from '../src/access-tracker.ts';
import { Cache } from '../src/index.ts';
import { RecencyIndex } from '../src/recency-index.ts';
import { SizeTracker } from '../src/size-tracker.ts';
import { calm } from './engines.ts';

const COUNT = 20_000;
const PER_CALL = 5000;

/** Puts entries beside their names in the recency set; in Redis itself, so that it takes no time. */
const fill = `
  local base = tonumber(ARGV[2])
  for i = base, base + tonumber(ARGV[3]) - 1 do
    redis.call('SET', ARGV[1] .. i, 'HF1')
    redis.call('ZADD', KEYS[1], i, tostring(i))
    redis.call('ZADD', KEYS[2], 4e12 + i, tostring(i))
  end
  return 1`;

/**
 * Redis serves nobody else while it works for a command, so what is asked for in one command is bounded, however large a
 * namespace is. How long such a command takes with a million entries is measured by `benchmarks/blocking.ts`.
 */
describe('a large namespace', () => {
  const keys = createKeys('test');
  let server: RedisServer;
  let engine: RedisEngine;
  let seen: Monitor;

  beforeAll(async () => {
    server = await startRedis();
    engine = createEngine({
      name: 'steps',
      target: { kind: 'standalone', host: server.host, port: server.port },
      ...calm,
    });
    await engine.time();
    const sets = [keys.access('ns', 'recency'), keys.access('ns', 'expiry')];
    for (let base = 0; base < COUNT; base += PER_CALL) {
      await server.command('EVAL', fill, '2', ...sets, keys.cachePrefix('ns'), String(base), String(PER_CALL));
    }
  });
  afterAll(async () => {
    await engine.close();
    await server.stop();
  });
  beforeEach(async () => {
    seen = await monitor(server.url);
  });
  afterEach(() => seen.stop());

  /** The most that one command of a client named, in keys and arguments. */
  async function mostParts(): Promise<number> {
    await seen.settle();
    return Math.max(...seen.commands().map((argv) => argv.length));
  }
  /** The most members that a script took from a sorted set, or gave it, with one command. */
  function mostMembers(): number {
    const parts = seen.scriptCommands().map(([name = '', ...argv]) => {
      if (name.toUpperCase() !== 'ZRANGE') return argv.length;
      const limit = argv.findIndex((part) => part.toUpperCase() === 'LIMIT');
      return limit === -1 ? Number(argv[2]) - Number(argv[1]) + 1 : Number(argv[limit + 2]);
    });
    return Math.max(...parts);
  }

  test('is kept within its bound a hundred entries at a time', async () => {
    const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: null });
    const index = new RecencyIndex({
      engine,
      keys,
      namespace: 'ns',
      maxEntries: COUNT - 1000,
      remove: (victims) => cache.evict(victims),
    });
    for (let at = 0; at < 500; at += 1) {
      await engine.set(keys.cache('ns', `new ${at}`), 'HF1');
      index.written(`new ${at}`, Date.now() + 3_600_000);
    }
    await index.close();
    expect(await index.size()).toBe(COUNT - 1000);
    expect(index.evictions).toBe(1500);
    const some = await engine.mget(['0', '1499', '1500', 'new 499'].map((key) => keys.cache('ns', key)));
    expect(some.map((value) => value?.toString())).toEqual([undefined, undefined, 'HF1', 'HF1']);
    // A hundred writes of three parts each, and as many removals of two.
    expect(await mostParts()).toBeLessThanOrEqual(600);
    expect(mostMembers()).toBeLessThanOrEqual(201);
  });

  test('counts its reads, and names the most read, a thousand keys at a time', async () => {
    const tracker = new AccessTracker({ engine, keys, keepsRecency: (namespace) => namespace === 'ns' });
    for (let at = 0; at < 6000; at += 1) tracker.hit(at % 2 === 0 ? 'ns' : 'unbounded', String(at * 3), 1);
    await tracker.flush();
    await tracker.close();
    expect(tracker.dropped).toBe(0);
    expect(await tracker.top('ns', 1000)).toHaveLength(1000);
    // Of three parts each.
    expect(await mostParts()).toBeLessThanOrEqual(3010);
    expect(mostMembers()).toBeLessThanOrEqual(2010);
  });

  test('is listed and counted in pages', async () => {
    const sizes = new SizeTracker({ engine, keys, pause: async () => {} });
    await sizes.refresh();
    expect(sizes.size('ns')?.entries).toBeGreaterThan(COUNT - 2000);
    const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: null });
    const { keys: listed } = await cache.list({ limit: 1000 });
    expect(listed.length).toBeGreaterThan(0);
    await seen.settle();
    const scans = seen.commands().filter(([name]) => name?.toLowerCase() === 'scan');
    expect(scans.length).toBeGreaterThan(COUNT / 1000);
    const pages = scans.map((argv) => Number(argv[argv.findIndex((part) => part.toUpperCase() === 'COUNT') + 1]));
    expect(Math.max(...pages)).toBeLessThanOrEqual(1000);
  });
});
