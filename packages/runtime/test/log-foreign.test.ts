import { type Cache, CacheRegistry } from '@holdfast/cache';
import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { createLogger } from '@holdfast/telemetry';
import { uniquePrefix, useRedis } from '@holdfast/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { logForeign } from '../src/log-foreign.ts';

const { host, port, db } = useRedis();
const keys = createKeys(uniquePrefix('foreign'));
let engine: RedisEngine;
let registry: CacheRegistry;
let cache: Cache;
let lines: unknown[];
let stop: () => void;

beforeEach(() => {
  lines = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
  stop = logForeign(createLogger({ service: 'test', stream }));
  // A busy machine is no outage.
  const patient = { probeIntervalMs: 0, commandTimeoutMs: 60_000 };
  engine = createEngine({ name: 'cache', ...patient, target: { kind: 'standalone', host, port, db } });
  registry = new CacheRegistry({ engine, keys, namespaces: { ns: { ttlMs: 60_000 } } });
  cache = registry.get('ns');
});
afterEach(async () => {
  stop();
  await registry.close();
  await engine.close();
});

it('names each key that holds what no cache has written once, however it is read', async () => {
  await engine.hset(keys.cache('ns', 'hash'), { field: 'a secret' });
  await engine.set(keys.cache('ns', 'text'), 'a secret');
  await cache.set('ours', 1);
  for (let round = 0; round < 3; round += 1) {
    expect(await cache.get('hash')).toBeUndefined();
    expect(await cache.getMany(['text', 'ours', 'nothing'])).toEqual([undefined, 1, undefined]);
    expect(await cache.getOrSet('hash', () => 'loaded')).toBe('loaded');
  }
  expect(lines).toMatchObject([
    { level: 'warn', namespace: 'ns', key: keys.cache('ns', 'hash') },
    { level: 'warn', namespace: 'ns', key: keys.cache('ns', 'text') },
  ]);
  expect(JSON.stringify(lines)).not.toContain('secret');
  // All of them are counted.
  expect(cache.stats().foreign).toBe(9);
});
