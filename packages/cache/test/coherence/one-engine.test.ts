import { createEngine, createKeys, type Keys, MemoryEngine, type RedisEngine } from '@holdfast/redis-core';
import { openDiskFolder } from '@holdfast/redis-core/disk';
import { openJournal } from '@holdfast/redis-core/journal';
import { eventually, Latch, type RedisServer, startRedis, uniquePrefix } from '@holdfast/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Cache, CacheRegistry, type CacheRegistryOptions } from '../../src/index.ts';
import { calm } from '../engines.ts';

const ttlMs = 60_000;

describe('caches and registries of one engine', () => {
  let server: RedisServer;
  let keys: Keys;
  const closing: (() => unknown)[] = [];
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    keys = createKeys(uniquePrefix());
  });
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });

  async function open(kind: 'tracked' | 'untracked' | 'memory', at: RedisServer = server): Promise<RedisEngine> {
    const target = { kind: 'standalone', host: at.host, port: at.port } as const;
    const tracking = kind === 'tracked';
    const engine = kind === 'memory' ? new MemoryEngine() : createEngine({ name: 'one', ...calm, target, tracking });
    closing.push(() => engine.close());
    await engine.time();
    return engine;
  }

  function registryOn(engine: RedisEngine, options: Partial<CacheRegistryOptions> = {}): CacheRegistry {
    const registry = new CacheRegistry({ engine, keys, namespaces: { ns: { ttlMs } }, ...options });
    closing.push(() => registry.close());
    return registry;
  }

  const cacheOn = (engine: RedisEngine): Cache => new Cache({ engine, keys, namespace: 'ns', ttlMs });

  /** Read by all of them until nothing is asked of Redis any more, where the engine keeps anything at all. */
  async function held(engine: RedisEngine, cache: Cache, key: string): Promise<void> {
    await cache.get(key);
    if (engine.kind === 'memory') return;
    await eventually(async () => expect(await cache.read(key)).toMatchObject({ layer: 'l1' }));
  }

  const makes: [string, (engine: RedisEngine) => readonly [Cache, Cache]][] = [
    ['a registry and a cache', (engine) => [registryOn(engine).get('ns'), cacheOn(engine)]],
    [
      'a registry with an L1 of its own and a cache',
      (engine) => [registryOn(engine, { l1: { maxBytes: 1_000_000, maxStaleMs: 600_000 } }).get('ns'), cacheOn(engine)],
    ],
    ['two registries', (engine) => [registryOn(engine).get('ns'), registryOn(engine, { l1: {} }).get('ns')]],
  ];

  describe.each(['tracked', 'untracked', 'memory'] as const)('on an engine that is %s', (kind) => {
    describe.each(makes)('%s', (_name, make) => {
      const changes: [string, (writer: Cache) => Promise<unknown>, string | undefined][] = [
        ['sets', (writer) => writer.set('k', 'new'), 'new'],
        ['sets in bulk', (writer) => writer.setMany([{ key: 'k', value: 'new' }]), 'new'],
        ['deletes', (writer) => writer.delete('k'), undefined],
        ['deletes in bulk', (writer) => writer.deleteMany(['k']), undefined],
        ['invalidates by tag', (writer) => writer.invalidate({ tags: ['t'] }), undefined],
        ['invalidates by prefix', (writer) => writer.invalidate({ prefix: 'k' }), undefined],
        ['lets expire', (writer) => writer.invalidate({ all: true }, { mode: 'expire' }), undefined],
        [
          'loads',
          async (writer) => {
            await writer.delete('k');
            await writer.getOrSet('k', () => 'new');
          },
          'new',
        ],
      ];
      test.each(changes)('know at once what the other %s', async (_change, change, then) => {
        const engine = await open(kind);
        const both = make(engine);
        for (const [reader, writer] of [both, [both[1], both[0]]] as const) {
          await writer.set('k', 'old', { tags: ['t'] });
          await held(engine, reader, 'k');
          await change(writer);
          expect(await reader.get('k')).toBe(then);
        }
      });

      test('share no load that began before the other wrote', async () => {
        const engine = await open(kind);
        const [reader, writer] = make(engine);
        const [started, gate] = [new Latch(), new Latch()];
        const first = reader.getOrSet('k', async () => {
          started.open();
          await gate.wait();
          return 'loaded before';
        });
        await started.wait();
        await writer.set('k', 'written');
        expect(await reader.getOrSet('k', () => 'loaded after')).toBe('written');
        await writer.delete('k');
        expect(await reader.getOrSet('k', () => 'loaded after')).toBe('loaded after');
        gate.open();
        expect(await first).toBe('loaded before');
        expect(await writer.get('k')).toBe('loaded after');
      });
    });
  });

  test('go on after a registry was closed: what they hold is still reported', async () => {
    const engine = await open('tracked');
    const registry = registryOn(engine);
    const cache = cacheOn(engine);
    await registry.close();
    await cache.set('k', 'old');
    await held(engine, cache, 'k');
    await (await elsewhere()).set('k', 'new');
    await eventually(async () => expect(await cache.get('k')).toBe('new'));
  });

  test('keep nothing in a registry that is closed, as nobody would tell it of a change', async () => {
    const engine = await open('tracked');
    const registry = registryOn(engine, { l1: {} });
    const cache = registry.get('ns');
    await cache.set('k', 'old');
    await held(engine, cache, 'k');
    await registry.close();
    expect(await cache.get('k')).toBe('old');
    await (await elsewhere()).set('k', 'new');
    expect(await cache.get('k')).toBe('new');
  });

  async function elsewhere(): Promise<Cache> {
    return cacheOn(await open('untracked'));
  }

  /** Between the end of tracking and the outage a cache that has no fallback goes on writing. */
  test.each<[string, (writer: Cache) => Promise<unknown>]>([
    ['written', (writer) => writer.set('k', 'new')],
    ['deleted', (writer) => writer.delete('k')],
    ['invalidated by tag', (writer) => writer.invalidate({ tags: ['t'] })],
    ['invalidated by prefix', (writer) => writer.invalidate({ prefix: 'k' })],
  ])('serve nothing during an outage that a cache without a fallback has %s', async (_what, change) => {
    const own = await startRedis();
    const engine = await open('tracked', own);
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-one-engine-'));
    const disk = openDiskFolder({ directory });
    const journal = await openJournal({ folder: disk });
    try {
      const reader = registryOn(engine, { journal }).get('ns');
      const writer = cacheOn(engine);
      await writer.set('k', 'old', { tags: ['t'] });
      await writer.set('still true', 'old');
      for (const key of ['k', 'still true']) await held(engine, reader, key);
      const ended = vi.fn();
      engine.onInvalidate((changed) => changed ?? ended());
      // The connection that hears the invalidations; another one is made at once.
      await own.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await eventually(() => expect(ended).toHaveBeenCalled());
      await change(writer);
      await own.kill();
      await eventually(async () => {
        expect(await reader.read('still true')).toMatchObject({ layer: 'fallback' });
      });
      expect(await reader.get('k')).toBeUndefined();
    } finally {
      for (const close of closing.splice(0).toReversed()) await close();
      await disk.close();
      await own.stop();
      rmSync(directory, { recursive: true });
    }
  });
});
