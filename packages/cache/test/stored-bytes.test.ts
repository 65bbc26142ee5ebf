import { createEngine, createKeys } from '@holdfast/redis-core';
import { startCluster, uniquePrefix } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cache, L1Cache } from '../src/index.ts';
import { calm, engines } from './engines.ts';

async function cluster() {
  const nodes = await startCluster();
  const engine = createEngine({ name: 'sizes', ...calm, target: { kind: 'cluster', nodes: nodes.addresses } });
  return { engine, stop: () => nodes.stop() };
}

describe.each([
  ...engines.map(([name, create]) => [name, async () => ({ engine: create(), stop: async () => {} })] as const),
  ['a cluster', cluster] as const,
])('how much is stored under keys, on %s', (_name, create) => {
  let made: Awaited<ReturnType<typeof create>>;
  beforeAll(async () => {
    made = await create();
  });
  afterAll(async () => {
    await made.engine.close();
    await made.stop();
  });

  test.each([0, 1024 * 1024])('is told of each, in their order, with %i bytes of L1', async (maxBytes) => {
    const keys = createKeys(uniquePrefix());
    const l1 = new L1Cache(made.engine, { maxBytes });
    const cache = new Cache({ engine: made.engine, keys, namespace: 'ns', ttlMs: 60_000 }, { l1 });
    await cache.write('large', { body: 'x'.repeat(100_000), contentType: 'text/plain' });
    await cache.write('small', { body: 'x', contentType: 'text/plain' });
    await made.engine.hset(keys.cache('ns', 'hash'), { a: '1' });
    await cache.read('small');
    const [small = 0, none, hash, large = 0, again] = await cache.storedBytes([
      'small',
      'none',
      'hash',
      'large',
      'small',
    ]);
    expect([none, hash, again]).toEqual([0, 0, small]);
    expect(small).toBeGreaterThan(1);
    expect(large - small).toBe(99_999);
    await cache.invalidate({ all: true });
    l1.close();
  });
});
