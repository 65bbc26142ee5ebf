import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createEngine, createKeys, type RedisEngine, UnavailableError } from '@holdfast/redis-core';
import { eventually, FaultProxy, type RedisServer, startRedis } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Cache, type CacheOptions, CacheRegistry, type CacheUnstoredEvent } from '../../src/index.ts';
import { calm } from '../engines.ts';
import { heldLoader } from './processes.ts';

const keys = createKeys('l2');
const rules = { ttlMs: 60_000, graceMs: 60_000 };

/** What may be wrong with Redis, and the code of the error that callers of it get. */
const faults: readonly [string, string, (server: RedisServer) => Promise<unknown>][] = [
  ['is full', 'REDIS_OUT_OF_MEMORY', (server) => server.command('CONFIG', 'SET', 'maxmemory', '1')],
  ['is a replica', 'REDIS_READ_ONLY', (server) => server.command('REPLICAOF', '127.0.0.1', '1')],
  ['refuses to write', 'REDIS_ACCESS_REFUSED', (server) => server.command('ACL', 'SETUSER', 'default', '-@write')],
  ['refuses all', 'REDIS_ACCESS_REFUSED', (server) => server.command('ACL', 'SETUSER', 'default', '-get', '-@write')],
  ['refuses scripts', 'REDIS_ACCESS_REFUSED', (server) => server.command('ACL', 'SETUSER', 'default', '-@scripting')],
];

describe('getOrSet while Redis', () => {
  let server: RedisServer;
  let proxy: FaultProxy;
  let engine: RedisEngine;
  const closing: (() => unknown)[] = [];
  const events: CacheUnstoredEvent[] = [];
  const listen = (event: unknown): void => void events.push(event as CacheUnstoredEvent);
  beforeEach(async () => {
    server = await startRedis();
    proxy = await FaultProxy.listen(server.url);
    const { host, port } = proxy;
    engine = createEngine({ name: 'l2', ...calm, target: { kind: 'standalone', host, port } });
    await engine.time();
    events.length = 0;
    subscribe('holdfast:cache:unstored', listen);
  });
  afterEach(async () => {
    unsubscribe('holdfast:cache:unstored', listen);
    for (const close of closing.splice(0).toReversed()) await close();
    await engine.close();
    await proxy.close();
    await server.stop();
  });

  const plain = (more: Partial<CacheOptions> = {}): Cache =>
    new Cache({ engine, keys, namespace: 'ns', ...rules, ...more });
  const brokenDisk = {
    append: async () => Promise.reject(new Error('The disk is full.')),
    pending: () => 0,
    onOpen: () => () => undefined,
    read: async () => Promise.resolve([]),
    remove: async () => Promise.resolve(),
  };
  /** With a fallback whose journal cannot be written, or without one. */
  const registered = (journal: typeof brokenDisk | undefined): Cache => {
    const namespaces = { ns: rules };
    const registry = new CacheRegistry({ engine, keys, namespaces, ...(journal === undefined ? {} : { journal }) });
    closing.push(() => registry.close());
    return registry.get('ns');
  };

  const makers: readonly [string, () => Cache][] = [
    ['a cache by itself', () => plain()],
    ['a registry', () => registered(undefined)],
    ['a registry whose disk is broken', () => registered(brokenDisk)],
  ];

  for (const [maker, make] of makers) {
    test.each(faults)(`%s, by ${maker}: is what the loader says, once for all who ask`, async (_, code, fault) => {
      const cache = make();
      await fault(server);
      const { load, started, gate } = heldLoader(() => 'loaded');
      const calls = Array.from({ length: 20 }, () => cache.getOrSet('k', load));
      await started.wait();
      gate.open();
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['loaded']));
      expect(load).toHaveBeenCalledTimes(1);
      expect(events).toMatchObject([{ namespace: 'ns', reason: 'l2-failed', error: { code } }]);
      expect(await cache.getOrSetDetailed('k', () => 'again')).toMatchObject({
        value: 'again',
        served: 'loaded',
        unstored: { reason: 'l2-failed', error: { code } },
      });
      expect(await cache.getOrSetMany(['k', 'l'], (missing) => new Map(missing.map((key) => [key, key])))).toEqual([
        'k',
        'l',
      ]);
      expect(cache.stats().errors).toBe(21);
    });

    test(`is away, by ${maker}: is what the loader says`, async () => {
      const cache = make();
      proxy.refuse();
      await eventually(() => expect(engine.status.available).toBe(false));
      const { load, started, gate } = heldLoader(() => 'loaded');
      const calls = Array.from({ length: 20 }, () => cache.getOrSet('k', load));
      await started.wait();
      gate.open();
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['loaded']));
      expect(load).toHaveBeenCalledTimes(1);
      const many = vi.fn((missing: readonly string[]) => new Map(missing.map((key) => [key, key])));
      expect(await cache.getOrSetMany(['l', 'm'], many)).toEqual(['l', 'm']);
      expect(many.mock.calls).toEqual([[['l', 'm']]]);
    });
  }

  test.each(faults)('%s rejects where that is asked for', async (_, code, fault) => {
    const cache = plain({ onL2Error: 'throw' });
    await fault(server);
    await expect(cache.getOrSet('k', () => 'loaded')).rejects.toMatchObject({ code });
    expect(events).toEqual([]);
  });

  test('is away rejects where that is asked for', async () => {
    const cache = plain({ onL2Error: 'throw' });
    proxy.refuse();
    await eventually(() => expect(engine.status.available).toBe(false));
    await expect(cache.getOrSet('k', () => 'loaded')).rejects.toThrow(UnavailableError);
    await expect(cache.getOrSetMany(['k'], () => new Map([['k', 1]]))).rejects.toThrow(UnavailableError);
  });

  test('fills up during the load is what was loaded, for all who wait', async () => {
    const cache = plain();
    const { load, started, gate } = heldLoader(() => 'loaded');
    const calls = Array.from({ length: 20 }, () => cache.getOrSet('k', load));
    await started.wait();
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    gate.open();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['loaded']));
    expect(load).toHaveBeenCalledTimes(1);
    expect(events).toMatchObject([{ reason: 'l2-failed', error: { code: 'REDIS_OUT_OF_MEMORY' } }]);
    // Its lease has ended with it: the next one need not wait for that.
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await cache.getOrSet('k', () => 'again')).toBe('again');
  });

  test('goes away during the load is what was loaded', async () => {
    const cache = plain();
    const { load, started, gate } = heldLoader(() => 'loaded');
    const loading = cache.getOrSetDetailed('k', load);
    await started.wait();
    proxy.refuse();
    await eventually(() => expect(engine.status.available).toBe(false));
    gate.open();
    expect(await loading).toMatchObject({ value: 'loaded', unstored: { reason: 'l2-failed' } });
  });

  test('refuses to write serves what is over when the loader fails, and what is stale without asking each time', async () => {
    const cache = plain({ failureThrottleMs: 60_000 });
    await cache.set('k', 'old');
    await cache.invalidate({ all: true }, { mode: 'expire' });
    await server.command('REPLICAOF', '127.0.0.1', '1');
    expect(await cache.getOrSet('k', () => Promise.reject(new Error('down')))).toBe('old');
    expect(await cache.getOrSet('k', () => 'new')).toBe('new');
    await expect(cache.getOrSet('none', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
  });

  test('does not hand a load from before a write to those who come after it', async () => {
    const cache = plain();
    proxy.refuse();
    await eventually(() => expect(engine.status.available).toBe(false));
    const { load, started, gate } = heldLoader(() => 'before');
    const before = cache.getOrSet('k', load);
    await started.wait();
    await expect(cache.delete('k')).rejects.toThrow(UnavailableError);
    expect(await cache.getOrSet('k', () => 'after')).toBe('after');
    gate.open();
    expect(await before).toBe('before');
  });
});
