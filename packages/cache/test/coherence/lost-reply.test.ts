import { createEngine, createKeys, type RedisEngine, UnknownOutcomeError } from '@holdfast/redis-core';
import { eventually, FaultProxy, type RedisServer, startRedis, uniquePrefix } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Cache } from '../../src/index.ts';
import { calm } from '../engines.ts';

/** Redis carries a write out, and its reply is lost. Before the connection is back, somebody else writes the same key. */
describe('a write whose reply was lost', () => {
  let server: RedisServer;
  let proxy: FaultProxy;
  const engines: RedisEngine[] = [];
  let unlucky: Cache;
  let other: Cache;

  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    proxy = await FaultProxy.listen(server.url);
    const keys = createKeys(uniquePrefix());
    const cacheOver = ({ host, port }: { host: string; port: number }): Cache => {
      const target = { kind: 'standalone', host, port } as const;
      const engine = createEngine({ name: 'lost', ...calm, retryAttempts: 1000, retryDelayMs: 20, target });
      engines.push(engine);
      return new Cache({ engine, keys, namespace: 'ns', ttlMs: 600_000 });
    };
    [unlucky, other] = [cacheOver(proxy), cacheOver(server)];
    // Scripts are known from here on, so that the request that is cut is the one that writes.
    for (const cache of [unlucky, other]) {
      await cache.set('warm-up', 1, { tags: ['t'] });
      await cache.setMany([{ key: 'warm-up', value: 1 }]);
      await cache.invalidate({ prefix: 'warm-up' }, { mode: 'expire' });
      await cache.delete('warm-up');
    }
    await other.set('k', 'old');
  });
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    await proxy.close();
  });

  const item = { body: '"unlucky"', contentType: 'application/json' };
  const writes: [string, () => Promise<unknown>][] = [
    ['a set', () => unlucky.set('k', 'unlucky')],
    ['a set with tags', () => unlucky.set('k', 'unlucky', { tags: ['t'] })],
    ['a write', () => unlucky.write('k', item)],
    ['a bulk set', () => unlucky.setMany([{ key: 'k', value: 'unlucky' }])],
    ['a bulk write', () => unlucky.writeMany([{ key: 'k', ...item }])],
    ['a deletion', () => unlucky.delete('k')],
    ['a bulk deletion', () => unlucky.deleteMany(['k'])],
  ];

  test.each(writes)('undoes nothing that was acknowledged after it: %s', async (_name, write) => {
    const cut = proxy.cutBeforeReply({ matching: ':ns:k' });
    const outcome = write().then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    );
    await cut;
    proxy.refuse();
    // It was carried out: that is what a repetition would do again.
    expect(await other.get('k')).not.toBe('old');
    await other.set('k', 'acknowledged');
    proxy.pass();
    const { error, result } = (await outcome) as { error?: unknown; result?: unknown };
    await eventually(async () => expect(await unlucky.get('k')).toBe('acknowledged'));
    expect(await other.get('k')).toBe('acknowledged');
    // Its caller is told that nobody knows.
    if (error === undefined) expect(result).toMatchObject({ failed: 1, errors: [{ code: 'REDIS_UNKNOWN_OUTCOME' }] });
    else expect(error).toBeInstanceOf(UnknownOutcomeError);
  });

  test('that lets entries expire does not touch what was written after it', async () => {
    const cut = proxy.cutBeforeReply({ matching: 'evalsha' });
    const outcome = unlucky.invalidate({ prefix: 'k' }, { mode: 'expire' }).catch((error: unknown) => error);
    await cut;
    proxy.refuse();
    expect(await other.get('k')).toBeUndefined();
    await other.set('k', 'acknowledged');
    proxy.pass();
    expect(await outcome).toBeInstanceOf(UnknownOutcomeError);
    expect(await other.get('k')).toBe('acknowledged');
  });
});
