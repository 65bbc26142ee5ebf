import { createEngine, type RedisTarget } from '@holdfast/redis-core';
import { createLogger } from '@holdfast/telemetry';
import { eventually, startRedis, type RedisServer } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EvictionWatch } from '../src/eviction-watch.ts';

describe('a watch over the eviction policy', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  it('hears of a policy that is changed while all connections stand', async () => {
    const target: RedisTarget = { kind: 'standalone', host: redis.host, port: redis.port };
    const [cache, durable] = [createEngine({ name: 'cache', target }), createEngine({ name: 'durable', target })];
    const lines: string[] = [];
    const logger = createLogger({ service: 'api', level: 'info', stream: { write: (line) => void lines.push(line) } });
    const targets = { cache: target, durable: target };
    const watch = new EvictionWatch({ engines: { cache, durable }, targets, everyMs: 20, againAfterMs: 20 });
    try {
      watch.start(logger);
      const looks = async (): Promise<number> =>
        Number(/cmdstat_info:calls=(\d+)/.exec(String(await redis.command('INFO', 'commandstats')))?.[1]);
      await eventually(async () => expect(await looks()).toBeGreaterThan(2));
      expect(watch.warnings.durable).toEqual([]);
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      await eventually(() => expect(watch.warnings.durable).toEqual([expect.stringContaining('allkeys-lru')]));
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      await eventually(() => expect(watch.warnings.durable).toEqual([]));
      expect(lines).toHaveLength(2);
    } finally {
      watch.close();
      await Promise.all([cache.close(), durable.close()]);
    }
  });
});
