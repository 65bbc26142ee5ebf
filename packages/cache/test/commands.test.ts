import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cache, CacheRegistry } from '../src/index.ts';
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

  test('are one an entry where nothing is to be done together', async () => {
    const options = { engine, keys: createKeys('single'), namespaces: { ns: { ttlMs: 60_000 } }, batchSize: 1 };
    const registry = new CacheRegistry(options);
    const cache = registry.get('ns');
    await cache.setMany([{ key: 'script', value: 'known from here on' }]);
    const seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.startsWith('single:')) });
    const counted = async (work: () => Promise<unknown>): Promise<number> => {
      seen.reset();
      await work();
      await seen.settle();
      return seen.count();
    };
    const keys = ['a', 'b', 'c'];
    try {
      expect(await counted(() => cache.setMany(keys.map((key) => ({ key, value: 1 }))))).toBe(3);
      expect(await counted(() => cache.getMany(keys))).toBe(3);
      expect(await counted(() => cache.sync([{ key: 'a', value: 2 }], ['b', 'c']))).toBe(3);
      expect(await counted(() => cache.deleteMany(keys))).toBe(3);
    } finally {
      await seen.stop();
      await registry.close();
    }
  });

  test('of large values have a megabyte each, and of larger ones one value', async () => {
    const cache = new Cache({ engine, keys: createKeys('large'), namespace: 'ns', ttlMs: 60_000 });
    const items = (count: number, bytes: number, key = 'k'): { key: string; value: string }[] =>
      Array.from({ length: count }, (_, index) => ({ key: `${key}${index}`, value: 'x'.repeat(bytes) }));
    const bodies = (count: number, bytes: number): { key: string; body: Buffer; contentType: string }[] =>
      items(count, bytes, 'b').map(({ key, value }) => ({ key, body: Buffer.from(value), contentType: 'text/plain' }));
    // The scripts are known from here on.
    await cache.writeMany(bodies(1, 1));
    await cache.setMany(items(2, 1));
    await server.command('CONFIG', 'RESETSTAT');
    expect(await cache.setMany(items(40, 100_000))).toMatchObject({ successful: 40, batches: 4, commands: 4 });
    expect(await cache.writeMany(bodies(40, 100_000))).toMatchObject({ successful: 40, batches: 4, commands: 4 });
    expect(await cache.setMany([...items(5, 2_000_000), ...items(5, 10, 's')])).toMatchObject({ commands: 6 });
    expect(await cache.sync(bodies(20, 100_000), ['k0'])).toMatchObject({ updated: 20, deleted: 1, commands: 3 });
    const stats = String(await server.command('INFO', 'commandstats'));
    const calls = (name: string): number => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1]);
    expect([calls('evalsha'), calls('unlink')]).toEqual([4 + 4 + 6 + 2, 1]);
    expect((await cache.get<string>('k4'))?.length).toBe(2_000_000);
  });
});
