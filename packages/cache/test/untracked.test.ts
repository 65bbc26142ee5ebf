import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { uniquePrefix, useRedis } from '@holdfast/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Cache } from '../src/index.ts';
import { calm } from './engines.ts';

const { host, port, db } = useRedis();
/** Of two processes: what one does the other does not know of. */
let engines: readonly RedisEngine[];
beforeAll(() => {
  const target = { kind: 'standalone', host, port, db } as const;
  engines = [1, 2].map(() => createEngine({ name: 'untracked', ...calm, target, tracking: false }));
});
afterAll(() => Promise.all(engines.map((engine) => engine.close())));

test('where Redis reports no changes, L1 serves an old value for a second and no longer', async () => {
  const keys = createKeys(uniquePrefix());
  const [reader, writer] = engines.map((engine) => new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }));
  if (reader === undefined || writer === undefined) throw new Error('Two engines make two caches.');
  await writer.set('k', 'old');
  await reader.get('other'); // connected
  // A clock that stands still, until it is moved.
  let now = performance.now();
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
  try {
    expect(await reader.get('k')).toBe('old');
    await writer.set('k', 'new');
    now += 999;
    expect(await reader.read('k')).toMatchObject({ layer: 'l1' });
    expect(await reader.get('k')).toBe('old');
    now += 2;
    expect(await reader.get('k')).toBe('new');
  } finally {
    clock.mockRestore();
  }
});
