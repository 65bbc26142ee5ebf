import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { openDiskFolder } from '@holdfast/redis-core/disk';
import { type Journal, openJournal } from '@holdfast/redis-core/journal';
import { eventually, Latch, monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Cache, type CacheOperationEvent, CacheRegistry } from '../src/index.ts';

const keys = createKeys('away');
/** The timeout of a command that no test waits for. */
const NEVER_MS = 600_000;

/** What the caches of a service do while Redis is away, and when it comes back. Redis keeps its data over a restart. */
describe('while Redis is away', () => {
  let server: RedisServer;
  let directory: string;
  const closing: (() => unknown)[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-away-'));
    server = await startRedis({ args: ['--appendonly', 'yes'] });
  });
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
    await server.stop();
    rmSync(directory, { recursive: true });
  });

  interface Service {
    readonly engine: RedisEngine;
    readonly journal: Journal;
    readonly registry: CacheRegistry;
    readonly cache: Cache;
    stop(): Promise<void>;
  }

  async function startService(commandTimeoutMs = 5000): Promise<Service> {
    const { host, port } = server;
    const engine = createEngine({ name: 'away', target: { kind: 'standalone', host, port }, commandTimeoutMs });
    const disk = openDiskFolder({ directory });
    const journal = await openJournal({ folder: disk });
    const namespaces = { ns: { ttlMs: 600_000 }, other: { ttlMs: 600_000 } };
    const registry = new CacheRegistry({ engine, keys, namespaces, journal });
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> =>
      (stopped ??= (async () => {
        await registry.close();
        await disk.close();
        await engine.close();
      })());
    closing.push(stop);
    return { engine, journal, registry, cache: registry.get('ns'), stop };
  }

  async function ready({ engine, registry }: Service): Promise<void> {
    await eventually(() => expect(engine.status.available && !registry.isOnFallback).toBe(true));
  }

  async function away({ registry, cache }: Service): Promise<void> {
    await eventually(async () => {
      await cache.read('whatever').catch(() => undefined);
      expect(registry.isOnFallback).toBe(true);
    });
  }

  test('what L1 held is served, marked; the rest is a miss, and nothing waits for a deadline', async () => {
    const service = await startService(NEVER_MS);
    const { cache, engine } = service;
    await ready(service);
    await cache.set('held', 'value');
    await cache.set('not held', 'value');
    await eventually(() => expect(engine.trackingEpoch).toBeGreaterThan(0));
    await eventually(async () => expect(await cache.read('held')).toMatchObject({ layer: 'l1' }));
    await server.kill();
    await away(service);
    expect(await cache.read('held')).toMatchObject({ layer: 'fallback' });
    expect(await cache.get('held')).toBe('value');
    expect(await cache.get('not held')).toBeUndefined();
  });

  test('misses are counted as those of the memory that is asked, so that they are no misses of Redis', async () => {
    const service = await startService(NEVER_MS);
    const { cache } = service;
    await ready(service);
    await server.kill();
    await away(service);
    const missed: unknown[] = [];
    const count = (event: unknown): void => {
      const { outcome, layer, count } = event as CacheOperationEvent;
      if (outcome === 'miss') missed.push([layer, count]);
    };
    subscribe('holdfast:cache:operation', count);
    closing.push(() => unsubscribe('holdfast:cache:operation', count));
    await cache.get('one');
    await cache.readMany(['two', 'three']);
    await cache.getOrSet('four', async () => 4);
    expect(missed).toEqual([
      ['fallback', 1],
      ['fallback', 2],
      ['fallback', 1],
    ]);
  });

  test('what was invalidated or removed before is not served from what L1 held', async () => {
    const service = await startService();
    const { cache, engine } = service;
    await ready(service);
    await eventually(() => expect(engine.trackingEpoch).toBeGreaterThan(0));
    await cache.set('invalidated', 'value', { tags: ['t'] });
    await cache.set('current', 'value', { tags: ['u'] });
    for (const key of ['invalidated', 'current']) {
      await eventually(async () => expect(await cache.read(key)).toMatchObject({ layer: 'l1' }));
    }
    await cache.invalidate({ tags: ['t'] });
    // Reads the state of the tags anew, and leaves the other one as it was kept. That is so when a read asks for nothing any
    // more: Redis reports the invalidation to this process as well, and maybe after its reply.
    const seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.startsWith(keys.prefix)) });
    await eventually(async () => {
      seen.reset();
      expect(await cache.read('current')).toMatchObject({ layer: 'l1' });
      await seen.settle();
      expect(seen.count()).toBe(0);
    });
    await seen.stop();
    await server.kill();
    await away(service);
    expect(await cache.get('invalidated')).toBeUndefined();
    expect(await cache.read('current')).toMatchObject({ layer: 'fallback' });
  });

  test('what was removed between the end of tracking and the outage is not served either', async () => {
    const service = await startService();
    const { cache, engine } = service;
    await ready(service);
    for (const key of ['removed', 'kept']) {
      await cache.set(key, 'value');
      await eventually(async () => {
        expect(engine.trackingEpoch).toBeGreaterThan(0);
        expect(await cache.read(key)).toMatchObject({ layer: 'l1' });
      });
    }
    await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await eventually(() => expect(engine.trackingEpoch).toBe(0));
    await cache.delete('removed');
    await server.kill();
    await away(service);
    expect(await cache.get('removed')).toBeUndefined();
    expect(await cache.get('kept')).toBe('value');
  });

  test.each([
    ['removed there after tracking had come back', ['DEL', keys.cache('ns', 'k')], true],
    ['flushed there', ['FLUSHDB'], false],
  ])('what was %s is not served either', async (_name, command, isInterrupted) => {
    const service = await startService();
    const { cache, engine } = service;
    await ready(service);
    await cache.set('k', 'value');
    await eventually(async () => {
      expect(engine.trackingEpoch).toBeGreaterThan(0);
      expect(await cache.read('k')).toMatchObject({ layer: 'l1' });
    });
    if (isInterrupted) {
      const before = engine.trackingEpoch;
      await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await eventually(() => expect(engine.trackingEpoch).toBeGreaterThan(before));
    }
    await server.command(...command);
    if (!isInterrupted) await eventually(async () => expect(await cache.get('k')).toBeUndefined());
    await server.kill();
    await away(service);
    expect(await cache.get('k')).toBeUndefined();
  });

  test('a value that was removed during its load is kept nowhere', async () => {
    const service = await startService();
    const { cache } = service;
    await ready(service);
    await server.kill();
    await away(service);
    const [loading, release] = [new Latch(), new Latch()];
    const slow = cache.getOrSet('k', async () => {
      loading.open();
      await release.wait();
      return 'of before';
    });
    await loading.wait();
    await cache.delete('k');
    release.open();
    expect(await slow).toBe('of before');
    expect(await cache.get('k')).toBeUndefined();
  });

  test('writes and deletes work here, and Redis forgets what they replaced before it is read again', async () => {
    const service = await startService();
    const { cache, registry, journal } = service;
    await ready(service);
    for (const key of ['written', 'deleted', 'untouched']) await cache.set(key, 'before');
    await server.kill();
    await away(service);
    await cache.set('written', 'during');
    expect(await cache.get('written')).toBe('during');
    expect(await cache.read('written')).toMatchObject({ layer: 'fallback' });
    await cache.delete('deleted');
    expect(await cache.get('deleted')).toBeUndefined();
    expect(journal.pending()).toBe(2);
    const seen: unknown[] = [];
    await server.start();
    await eventually(
      async () => {
        seen.push(await cache.get('written'), await cache.get('deleted'));
        expect(registry.isOnFallback).toBe(false);
      },
      { intervalMs: 1 },
    );
    seen.push(await cache.get('written'), await cache.get('deleted'));
    // What was written during the outage until Redis is back, then nothing; never what was before.
    expect(seen).not.toContain('before');
    expect(await cache.get('written')).toBeUndefined();
    expect(await cache.get('untouched')).toBe('before');
    expect(journal.pending()).toBe(0);
  });

  test('tags, prefixes and whole namespaces invalidated here are invalidated there', async () => {
    const service = await startService();
    const { cache, registry } = service;
    await ready(service);
    await cache.set('tagged', 1, { tags: ['t'] });
    await cache.set('user:1', 1);
    await cache.set('kept', 1);
    const other = registry.get('other');
    await other.set('k', 1);
    await server.kill();
    await away(service);
    await cache.invalidate({ tags: ['t'] });
    await cache.invalidate({ prefix: 'user:' });
    await other.invalidate({ all: true });
    await server.start();
    await ready(service);
    expect(await cache.getMany(['tagged', 'user:1', 'kept'])).toEqual([undefined, undefined, 1]);
    expect(await other.get('k')).toBeUndefined();
  });

  test('the journal outlives the process: the next one applies it before it reads', async () => {
    const first = await startService();
    await ready(first);
    await first.cache.set('k', 'before');
    await server.kill();
    await away(first);
    await first.cache.set('k', 'during');
    await first.stop();
    await server.start();
    const second = await startService();
    expect(second.registry.isOnFallback).toBe(true);
    expect(await second.cache.get('k')).toBeUndefined();
    await ready(second);
    expect(await second.cache.get('k')).toBeUndefined();
  });

  test('a loader is called once for those who ask at the same time, and its value is kept here', async () => {
    const service = await startService();
    await ready(service);
    await server.kill();
    await away(service);
    const loader = vi.fn(() => Promise.resolve('loaded'));
    const values = await Promise.all(Array.from({ length: 20 }, () => service.cache.getOrSet('k', loader)));
    expect(new Set(values)).toEqual(new Set(['loaded']));
    expect(await service.cache.getOrSet('k', loader)).toBe('loaded');
    expect(loader).toHaveBeenCalledTimes(1);
  });

  test('a write only where there is nothing fails: nobody can know that now', async () => {
    const service = await startService();
    await ready(service);
    await server.kill();
    await away(service);
    await expect(
      service.cache.write('k', { body: 'x', contentType: 'text/plain' }, { createOnly: true }),
    ).rejects.toMatchObject({ status: 503 });
  });

  test('a service that starts without Redis works, and takes Redis up when it comes', async () => {
    await server.kill();
    const service = await startService();
    await away(service);
    await service.cache.set('k', 'early');
    expect(await service.cache.get('k')).toBe('early');
    await server.start();
    await ready(service);
    await service.cache.set('k', 'late');
    expect(await service.cache.get('k')).toBe('late');
  });

  test('a frozen Redis is left before a call reaches its deadline, and the write in flight is not served from before', async () => {
    // It is the breaker that ends the write.
    const service = await startService(NEVER_MS);
    const { cache, registry } = service;
    await ready(service);
    await cache.set('k', 'before');
    server.pause();
    try {
      await cache.set('k', 'during');
      expect(registry.isOnFallback).toBe(true);
      expect(await cache.get('k')).toBe('during');
      // Also of many: Redis holds what is not here, or may.
      const both = await cache.readManyDetailed(['k', 'unseen']);
      expect(both.map(({ entry, layer }) => [entry === null, layer])).toEqual([
        [false, 'fallback'],
        [true, 'fallback'],
      ]);
      const items = Array.from({ length: 120 }, (_, index) => ({ key: `k${index}`, value: index }));
      const { fallback, successful } = await cache.setMany(items);
      expect(successful).toBe(120);
      expect(fallback).toHaveLength(120);
      expect((await cache.deleteMany(['k1', 'never'])).fallback).toEqual(['k1', 'never']);
    } finally {
      server.resume();
    }
    await ready(service);
    // The write that was on its way may have been applied or not; the journal has it forgotten in both cases.
    expect(await cache.get('k')).toBeUndefined();
  });

  test('of many items a batch is noted in one step, and others have their turns in between', async () => {
    const service = await startService();
    const { cache, journal, registry } = service;
    await ready(service);
    await server.kill();
    await away(service);
    const notes = vi.spyOn(journal, 'append');
    const keys = Array.from({ length: 10_000 }, (_, at) => `key-${at}`);
    const items = keys.map((key) => ({ key, value: 'x'.repeat(100) }));
    const others = keys.map((key) => `other-${key}`);
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      turning = setImmediate(turn);
    };
    let turning = setImmediate(turn);
    for (const [call, batches] of [
      [async () => cache.setMany(items), 200],
      [async () => cache.deleteMany(keys), 20],
      [async () => cache.sync(items, others), 220],
    ] as const) {
      notes.mockClear();
      turns = 0;
      expect(await call()).toMatchObject({ failed: 0, batches });
      expect(notes).toHaveBeenCalledTimes(batches);
      // Four are under way at once.
      expect(turns).toBeGreaterThan(batches / 4);
    }
    clearImmediate(turning);
    expect(registry.isOnFallback).toBe(true);
    // More than an area may have has become one for all of it.
    expect(registry.pendingInvalidations).toBeLessThanOrEqual(10_000);
  });
});
