import { CacheRegistry } from '@holdfast/cache';
import { createEngine, createKeys, pipeline, type RedisEngine } from '@holdfast/redis-core';
import { createLogger, createMetrics } from '@holdfast/telemetry';
import { uniquePrefix, useRedis } from '@holdfast/testing';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { logSavedCommands } from '../src/log-saved-commands.ts';

const { host, port, db } = useRedis();
const keys = createKeys(uniquePrefix('saved'));
let engine: RedisEngine;
let registry: CacheRegistry;
let lines: Record<string, unknown>[];
let stop: () => void;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  lines = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  stop = logSavedCommands(createLogger({ service: 'test', stream }));
  const patient = { probeIntervalMs: 0, commandTimeoutMs: 60_000 };
  engine = createEngine({ name: 'cache', ...patient, target: { kind: 'standalone', host, port, db } });
  await engine.time();
  registry = new CacheRegistry({ engine, keys, namespaces: { ns: { ttlMs: 60_000 } } });
});
afterEach(async () => {
  vi.useRealTimers();
  stop();
  await registry.close();
  await engine.close();
});

it('sums up every five minutes what bulk calls and pipelines saved, and the metric has the same', async () => {
  const metrics = createMetrics({ service: 'test', version: '1' });
  onTestFinished(() => metrics.close());
  const cache = registry.get('ns');
  const names = Array.from({ length: 100 }, (_, index) => `k${index}`);
  await cache.setMany(names.map((key) => ({ key, value: 1 })));
  await cache.getMany(names);
  await cache.deleteMany(names);
  await cache.set('alone', 1);
  const sets = names.map((key) => ({ op: 'set', key: keys.cache('ns', key), value: '1' }) as const);
  await pipeline(engine, sets, { connection: 'durable' });
  expect(lines).toEqual([]);
  vi.advanceTimersByTime(5 * 60_000);
  expect(lines).toMatchObject([
    { level: 'info', connection: 'cache', operations: 300, commands: 4, saved: 296, failed: 0 },
    { level: 'info', connection: 'durable', operations: 100, commands: 2, saved: 98, failed: 0 },
  ]);
  expect(await metrics.text()).toContain('holdfast_redis_commands_saved_total{connection="cache"} 296');
  // Where nothing was saved there is nothing to say.
  vi.advanceTimersByTime(60 * 60_000);
  expect(lines).toHaveLength(2);
  await cache.getMany(names);
  stop();
  expect(lines.at(-1)).toMatchObject({ connection: 'cache', operations: 100, commands: 1, saved: 99 });
});
