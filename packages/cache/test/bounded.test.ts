import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { indexLoad, monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CacheRegistry, type NamespaceOptions } from '../src/index.ts';
import { isMark } from '../src/recency-script.ts';
import { calm } from './engines.ts';

const { items, bound } = indexLoad();
const CALLERS = 8;
/** What one process may leave beyond the bound until it looks again. */
const SLACK = 100;

/** Through a registry and a Redis of its own, whose keys can be counted from outside. */
describe('a namespace with a bound', () => {
  const keys = createKeys('bounded');
  let server: RedisServer;
  let engine: RedisEngine;
  const registries: CacheRegistry[] = [];
  beforeAll(async () => {
    server = await startRedis();
    engine = createEngine({
      name: 'bounded',
      ...calm,
      target: { kind: 'standalone', host: server.host, port: server.port },
    });
    await engine.time();
  });
  beforeEach(() => server.command('FLUSHALL'));
  afterEach(async () => {
    await Promise.all(registries.splice(0).map((registry) => registry.close()));
  });
  afterAll(async () => {
    await engine.close();
    await server.stop();
  });

  const open = (rules: Partial<NamespaceOptions> = {}): CacheRegistry => {
    const registry = new CacheRegistry({
      engine,
      keys,
      namespaces: { ns: { ttlMs: null, maxEntries: bound, ...rules } },
    });
    registries.push(registry);
    return registry;
  };

  /** The entries that Redis has, whatever the index says. */
  const stored = async (): Promise<string[]> => {
    const found = new Set<string>();
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await engine.scan({
        prefix: keys.cachePrefix('ns'),
        type: 'string',
        count: 1000,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const key of page.keys) found.add(keys.cacheKeyOf('ns', key));
      ({ cursor } = page);
    }
    return [...found];
  };
  const named = async (): Promise<number> => {
    const all = await engine.zrange(keys.access('ns', 'recency'), { by: 'index', start: 0, stop: -1 });
    return all.filter(({ member }) => !isMark(member)).length;
  };

  test.each(['writeMany', 'setMany'] as const)('holds it under %s from many callers', async (method) => {
    const cache = open().get('ns');
    let most = 0;
    await Promise.all(
      Array.from({ length: CALLERS }, async (_, caller) => {
        for (let at = caller * 500; at < items; at += CALLERS * 500) {
          const numbers = Array.from({ length: Math.min(500, items - at) }, (__, index) => at + index);
          const result =
            method === 'setMany'
              ? await cache.setMany(numbers.map((n) => ({ key: `key ${n}`, value: n })))
              : await cache.writeMany(
                  numbers.map((n) => ({ key: `key ${n}`, body: `${n}`, contentType: 'text/plain' })),
                );
          expect(result.failed).toBe(0);
          most = Math.max(most, await engine.dbsize());
        }
      }),
    );
    const left = await stored();
    expect(left.length).toBeLessThanOrEqual(bound + SLACK);
    // While they write: what is under way at once, 4 batches of 50 a caller, and as much again that is being evicted.
    expect(most).toBeLessThanOrEqual(bound + CALLERS * 4 * 50 * 2 + SLACK);
    expect(await named()).toBe(left.length);
    expect((await cache.size())?.entries).toBe(left.length);
  });

  test('costs no command for what is noted in bulk, and two for a hundred that are evicted', async () => {
    const cache = open({ maxEntries: 1000 }).get('ns');
    const batch = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({ key: `key ${from + index}`, value: index }));
    await cache.setMany(batch(0, 100));
    const seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.startsWith('bounded:')) });
    const counted = async (work: () => Promise<unknown>): Promise<number> => {
      await seen.settle();
      seen.reset();
      await work();
      await seen.settle();
      return seen.count();
    };
    // 10 writes, and a few looks at how many there are.
    expect(await counted(() => cache.setMany(batch(100, 500)))).toBeLessThanOrEqual(10 + 10);
    await cache.setMany(batch(600, 400));
    // 40 writes; 2000 evictions in steps of two commands for at least 50.
    const over = await counted(() => cache.setMany(batch(1000, 2000)));
    expect(over).toBeGreaterThan(40);
    expect(over).toBeLessThanOrEqual(40 + 2 * 40 + 10);
    await seen.stop();
  });
});
