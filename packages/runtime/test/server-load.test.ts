import { createEngine, type RedisTarget } from '@holdfast/redis-core';
import { createMetrics, type Metrics } from '@holdfast/telemetry';
import { startRedis, type RedisServer } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { measureServerLoad } from '../src/server-load.ts';

const MiB = 1024 * 1024;

describe('the load of a Redis, in the metrics', () => {
  let redis: RedisServer;
  let target: RedisTarget;
  beforeAll(async () => {
    redis = await startRedis({
      args: ['--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru', '--maxclients', '500'],
    });
    target = { kind: 'standalone', host: redis.host, port: redis.port };
  });
  afterAll(() => redis.stop());

  let metrics: Metrics;
  const ends: (() => Promise<void>)[] = [];
  beforeEach(() => {
    metrics = createMetrics({ service: 'api' });
  });
  afterEach(async () => {
    metrics.close();
    for (const end of ends.splice(0)) await end();
  });

  const open = (name: string, to: RedisTarget) => {
    const engine = createEngine({ name, target: to });
    ends.push(() => engine.close());
    return engine;
  };
  const values = async (): Promise<Map<string, number>> => {
    const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('holdfast_redis_'));
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  };
  const asked = async (): Promise<number> => {
    const stats = String(await redis.command('INFO', 'commandstats'));
    return Number(/cmdstat_info:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };

  it('is what it takes and may take, in bytes and in clients, and what happens at the limit', async () => {
    const engines = { cache: open('cache', target), durable: open('durable', { kind: 'memory' }) };
    await engines.cache.set('key', 'x'.repeat(8 * MiB));
    measureServerLoad(
      { engines, targets: { cache: target, durable: { kind: 'memory' } } },
      metrics.instruments('load'),
    );
    const shown = await values();
    expect(shown.get('holdfast_redis_memory_max_bytes{connection="cache"}')).toBe(64 * MiB);
    const used = shown.get('holdfast_redis_memory_used_bytes{connection="cache"}') ?? 0;
    expect(used).toBeGreaterThan(8 * MiB);
    expect(shown.get('holdfast_redis_memory_used_ratio{connection="cache",policy="allkeys-lru"}')).toBe(
      used / (64 * MiB),
    );
    expect(shown.get('holdfast_redis_connected_clients{connection="cache"}')).toBeGreaterThan(0);
    expect(shown.get('holdfast_redis_max_clients{connection="cache"}')).toBe(500);
    // What is no server has no load, rather than one of 0.
    expect([...shown.keys()].filter((name) => name.includes('durable'))).toEqual([]);
  });

  it('costs one command an interval, for both connections to one server, however often somebody scrapes', async () => {
    const engines = { cache: open('cache', target), durable: open('durable', target) };
    await Promise.all([engines.cache.time(), engines.durable.time()]);
    measureServerLoad({ engines, targets: { cache: target, durable: target } }, metrics.instruments('load'));
    const before = await asked();
    for (let scrape = 0; scrape < 5; scrape += 1) await metrics.text();
    // The first of the two questions of this test is among them.
    expect((await asked()) - before - 1).toBe(1);
    expect((await values()).get('holdfast_redis_max_clients{connection="durable"}')).toBe(500);
  });

  it('is not there while it cannot be read', async () => {
    const nowhere: RedisTarget = { kind: 'standalone', host: redis.host, port: 1 };
    const engines = { cache: open('cache', nowhere), durable: open('durable', { kind: 'memory' }) };
    measureServerLoad(
      { engines, targets: { cache: nowhere, durable: { kind: 'memory' } } },
      metrics.instruments('load'),
    );
    expect([...(await values()).keys()].filter((name) => /memory|clients/.test(name))).toEqual([]);
  });
});
