import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { eventually, monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CacheRegistry } from '../../src/index.ts';
import { calm } from '../engines.ts';

const keys = createKeys('hot');
const named = (name: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${name}${index}`);

/** What L1 serves Redis is not asked for, and a Redis that evicts what was not used for longest would take it for unused. */
describe('hot keys, which L1 serves,', () => {
  let server: RedisServer;
  let engine: RedisEngine;
  let registry: CacheRegistry;

  beforeEach(async () => {
    server = await startRedis({
      args: ['--maxmemory', '8mb', '--maxmemory-policy', 'allkeys-lru', '--maxmemory-samples', '64'],
    });
    const { host, port } = server;
    engine = createEngine({ name: 'hot', ...calm, target: { kind: 'standalone', host, port } });
    // Counts are written when the registry is closed, and not before.
    registry = new CacheRegistry({
      engine,
      keys,
      namespaces: { ns: { ttlMs: null } },
      usage: { flushIntervalMs: 600_000 },
    });
    await eventually(() => expect(engine.trackingEpoch).toBeGreaterThan(0));
  });
  afterEach(async () => {
    await registry.close();
    await engine.close();
    await server.stop();
  });

  async function hold(names: readonly string[]): Promise<void> {
    const cache = registry.get('ns');
    await eventually(async () => {
      const read = await cache.readMany(names);
      expect(read.map((entry) => entry?.layer)).toEqual(names.map(() => 'l1'));
    });
  }

  test('outlive cold ones in a Redis that is full, and so does what is known of their tags', async () => {
    const cache = registry.get('ns');
    const [hot, cold] = [named('hot', 20), named('cold', 200)];
    await cache.setMany(hot.map((key) => ({ key, value: 'x'.repeat(1000), tags: ['t'] })));
    await hold(hot);
    await cache.setMany(cold.map((key) => ({ key, value: 'x'.repeat(1000) })));
    const idleSeconds = async (key: string): Promise<number> => Number(await server.command('OBJECT', 'IDLETIME', key));
    const tags = keys.cacheTags('ns');
    const complete = hot.map((key) => keys.cache('ns', key));
    // The clock of Redis for this ticks once a second.
    await eventually(async () => expect(await idleSeconds(keys.cache('ns', 'cold199'))).toBeGreaterThanOrEqual(2));
    await hold(hot);
    expect(await idleSeconds(tags)).toBeGreaterThanOrEqual(2);
    await registry.close();
    const left = async (): Promise<number> =>
      Number(await server.command('EXISTS', ...cold.map((key) => keys.cache('ns', key))));
    for (let fill = 0; (await left()) > 50; fill += 1) await engine.set(`fill:${fill}`, 'x'.repeat(10_000));
    expect(await server.command('EXISTS', ...complete, tags)).toBe(hot.length + 1);
  });

  test('are touched with one command a batch, and cold ones, which Redis was asked for, with none', async () => {
    const cache = registry.get('ns');
    const [hot, cold] = [named('hot', 1500), named('cold', 10)];
    await cache.setMany([...hot, ...cold].map((key) => ({ key, value: 1 })));
    await hold(hot);
    const seen = await monitor(server.url);
    await hold(hot);
    await cache.getMany(cold);
    for (const key of cold) await cache.set(key, 2);
    await registry.close();
    await seen.settle();
    const touched = seen.commands().filter(([name]) => name?.toLowerCase() === 'touch');
    expect(touched).toHaveLength(2);
    expect(new Set(touched.flatMap(([, ...of]) => of))).toEqual(new Set(hot.map((key) => keys.cache('ns', key))));
    expect(seen.count('evalsha')).toBeLessThanOrEqual(2);
    await seen.stop();
  });
});
