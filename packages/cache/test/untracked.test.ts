import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { eventually, uniquePrefix, useRedis } from '@holdfast/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cache, NearCache } from '../src/index.ts';

const { host, port, db } = useRedis();
let engine: RedisEngine;
beforeAll(() => {
  engine = createEngine({ name: 'untracked', target: { kind: 'standalone', host, port, db }, tracking: false });
});
afterAll(() => engine.close());

test('where Redis reports no changes, the first tier serves an old value for a second and no longer', async () => {
  const keys = createKeys(uniquePrefix());
  const open = (): Cache =>
    new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }, { near: new NearCache(engine) });
  const [reader, writer] = [open(), open()];
  await writer.set('k', 'old');
  const readAt = performance.now();
  expect(await reader.get('k')).toBe('old');
  const keptAt = performance.now();
  await writer.set('k', 'new');
  expect(await reader.read('k')).toMatchObject({ layer: 'l1' });
  expect(await reader.get('k')).toBe('old');
  await eventually(async () => expect(await reader.get('k')).toBe('new'), { intervalMs: 5 });
  const seenAt = performance.now();
  expect(seenAt - readAt).toBeGreaterThan(990);
  expect(seenAt - keptAt).toBeLessThan(1000 + 400);
});
