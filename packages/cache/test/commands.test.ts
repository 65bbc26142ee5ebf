import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cache } from '../src/index.ts';
import { calm } from './engines.ts';

describe('commands, as MONITOR counts them', () => {
  let server: RedisServer;
  let engine: RedisEngine;

  beforeAll(async () => {
    server = await startRedis();
    const { host, port } = server;
    engine = createEngine({ name: 'count', ...calm, target: { kind: 'standalone', host, port } });
    await engine.time();
  });
  afterAll(async () => {
    await engine.close();
    await server.stop();
  });

  test('are one a read, one a write, one a deletion, and few for a thousand', async () => {
    const cache = new Cache({ engine, keys: createKeys('count'), namespace: 'ns', ttlMs: 60_000 });
    const items = Array.from({ length: 1000 }, (_, index) => ({
      key: `k${index}`,
      body: `{"n":${index}}`,
      contentType: 'application/json',
    }));
    await cache.writeMany(items.slice(0, 1)); // the script is known from here on
    const seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.startsWith('count:')) });
    const counted = async (work: () => Promise<unknown>): Promise<number> => {
      seen.reset();
      await work();
      await seen.settle();
      return seen.count();
    };
    try {
      expect(await counted(() => cache.write('k', items[0] ?? { body: '', contentType: '' }))).toBe(1);
      expect(await counted(() => cache.read('k'))).toBe(1);
      expect(await counted(() => cache.delete('k'))).toBe(1);
      expect(await counted(() => cache.set('k', 1))).toBe(1);
      expect(await counted(() => cache.writeMany(items))).toBe(20);
      const names = items.map(({ key }) => key);
      expect(await counted(() => cache.readMany(names))).toBe(2);
      expect(await counted(() => cache.deleteMany(names))).toBe(2);
    } finally {
      await seen.stop();
    }
  });
});
