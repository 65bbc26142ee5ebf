import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { eventually, monitor, type Monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cache } from '../../src/index.ts';
import { calm } from '../engines.ts';

const ROUNDS = 30;

/** Redis reports what a process writes itself as it reports the writes of others, and maybe after their reply. */
describe('the price of being told of own writes', () => {
  const keys = createKeys('own');
  let server: RedisServer;
  let engine: RedisEngine;
  let cache: Cache;
  let seen: Monitor;
  /** Keys that were reported: a message each. */
  let messages: string[];

  beforeAll(async () => {
    server = await startRedis();
    const { host, port } = server;
    engine = createEngine({ name: 'own', ...calm, target: { kind: 'standalone', host, port } });
    engine.onInvalidate((changed) => messages.push(...(changed ?? [])));
    cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 });
    await eventually(() => expect(engine.trackingEpoch).toBeGreaterThan(0));
    // What is asked for once: the scripts, and the state of the tags.
    messages = [];
    await cache.getOrSet('warm-up', () => 1);
    await cache.getOrSet('warm-up too', () => 1);
    seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.startsWith('own:')) });
  });
  afterAll(async () => {
    await seen.stop();
    await engine.close();
    await server.stop();
  });

  const forgetPast = async (): Promise<void> => {
    await settled();
    messages = [];
    seen.reset();
  };
  /** All that was to be reported of what this process has done has been. */
  async function settled(): Promise<void> {
    await seen.settle();
    await engine.get('last');
    await server.command('SET', 'last', '1');
    await eventually(() => expect(messages).toContain('last'));
    messages = messages.filter((key) => key !== 'last');
  }
  const held = (key: string): Promise<void> =>
    eventually(async () => expect(await cache.read(key)).toMatchObject({ layer: 'l1' }));

  test('is one message for a key that was read, however often it is written then', async () => {
    await cache.set('k', 0);
    await held('k');
    await forgetPast();
    for (let round = 1; round <= ROUNDS; round += 1) await cache.set('k', round);
    await settled();
    expect(messages).toEqual([keys.cache('ns', 'k')]);
  });

  test('is none for a key that was never read', async () => {
    await forgetPast();
    for (let round = 1; round <= ROUNDS; round += 1) await cache.set(`unread ${round}`, round);
    await settled();
    expect(messages).toEqual([]);
  });

  test.each<[string, (round: number) => Promise<unknown>]>([
    ['a set', (round) => cache.set('k', round)],
    ['a bulk write', (round) => cache.setMany([{ key: 'k', value: round }])],
    ['a write with tags', (round) => cache.set('k', round, { tags: ['t'] })],
  ])('is a message, and one GET more at most where a read follows at once: %s', async (_name, write) => {
    await write(0);
    await held('k');
    await forgetPast();
    for (let round = 1; round <= ROUNDS; round += 1) {
      await write(round);
      expect(await cache.get('k')).toBe(round);
      await held('k');
    }
    await settled();
    expect(messages.length).toBeLessThanOrEqual(ROUNDS);
    expect(seen.count('get')).toBeLessThanOrEqual(2 * ROUNDS);
    // That it can be seen at all: each write takes the entry out of L1.
    expect(seen.count('get')).toBeGreaterThanOrEqual(ROUNDS);
  });

  test('is two messages at most for a miss, also of many callers at once, and one load', async () => {
    await forgetPast();
    let loads = 0;
    for (let round = 1; round <= ROUNDS; round += 1) {
      const callers = Array.from({ length: 10 }, () =>
        cache.getOrSet(`miss ${round}`, () => {
          loads += 1;
          return Promise.resolve(round);
        }),
      );
      expect(new Set(await Promise.all(callers))).toEqual(new Set([round]));
    }
    await settled();
    expect(loads).toBe(ROUNDS);
    expect(messages.length).toBeLessThanOrEqual(2 * ROUNDS);
  });

  test('never ends in a reader that asks for ever: who waits does not take it for news', async () => {
    await cache.delete('slow');
    await forgetPast();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const loading = cache.getOrSet('slow', async () => {
      await gate;
      return 'loaded';
    });
    await eventually(async () => {
      await seen.settle();
      expect(seen.count('set') + seen.count('evalsha')).toBeGreaterThan(0);
    });
    const waiting = Array.from({ length: 10 }, () => cache.getOrSet('slow', () => 'loaded twice'));
    await settled();
    // Those who came later have met the lease, and wait now. A look for each message, and none besides.
    const asked = seen.count();
    await settled();
    expect(seen.count()).toBe(asked);
    open();
    expect(new Set(await Promise.all([loading, ...waiting]))).toEqual(new Set(['loaded']));
  });
});
