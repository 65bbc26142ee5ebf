import { createEngine, createKeys, type Keys, type RedisEngine } from '@holdfast/redis-core';
import { type Journal, openJournal } from '@holdfast/redis-core/journal';
import { eventually, Latch, type RedisCluster, type RedisServer, startCluster, uniquePrefix } from '@holdfast/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Cache, CacheRegistry } from '../src/index.ts';

const patience = { timeoutMs: 15_000, intervalMs: 5 };
const text = (body: string): { body: string; contentType: string } => ({ body, contentType: 'text/plain' });

/** Its keys get what all keys get while Redis is away; those of the others notice nothing. No replica takes over here. */
describe('while one master of a cluster is away', () => {
  let cluster: RedisCluster;
  let victim: RedisServer;
  let directory: string;
  let keys: Keys;
  /** A namespace whose tags lie with the other masters, and one whose tags lie on the victim. */
  let apart: string;
  let along: string;
  const closing: (() => unknown)[] = [];

  beforeAll(async () => {
    cluster = await startCluster();
  }, 60_000);
  afterAll(() => cluster.stop());
  beforeEach(async () => {
    for (const node of cluster.nodes) await node.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes');
    directory = mkdtempSync(join(tmpdir(), 'holdfast-partly-'));
    keys = createKeys(uniquePrefix());
    // A node that was frozen for long is forgiven after a while only.
    victim = await eventually(async () => {
      expect(await cluster.masters()).toHaveLength(3);
      return cluster.masterOf('whatever');
    }, patience);
    apart = await named((namespace) => keys.cacheTags(namespace), false);
    along = await named((namespace) => keys.cacheTags(namespace), true);
  });
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
    rmSync(directory, { recursive: true });
  });

  interface Service {
    readonly engine: RedisEngine;
    readonly journal: Journal;
    readonly registry: CacheRegistry;
  }

  /** As a process of its own has it. */
  async function startService(name: string, maxStaleMs = 1): Promise<Service> {
    const engine = createEngine({
      name,
      target: { kind: 'cluster', nodes: cluster.addresses },
      commandTimeoutMs: 3000,
    });
    const journal = openJournal({ file: join(directory, `${name}.db`) });
    const namespaces = { [apart]: { ttlMs: 600_000 }, [along]: { ttlMs: 600_000 } };
    const registry = new CacheRegistry({ engine, keys, namespaces, journal, near: { maxStaleMs } });
    closing.push(async () => {
      await registry.close();
      journal.close();
      await engine.close();
    });
    await eventually(() => expect(engine.status.available && !registry.isAway).toBe(true), patience);
    return { engine, journal, registry };
  }

  /** The first name that gives a key on the victim, or on another master. */
  async function named(keyOf: (name: string) => string, onVictim: boolean, from = 0): Promise<string> {
    for (let index = from; ; index += 1) {
      if (((await cluster.masterOf(keyOf(`n${index}`))) === victim) === onVictim) return `n${index}`;
    }
  }

  const lostIn = (namespace: string, from = 0): Promise<string> =>
    named((key) => keys.cache(namespace, key), true, from);
  const keptIn = (namespace: string, from = 0): Promise<string> =>
    named((key) => keys.cache(namespace, key), false, from);

  /** Frozen, so that it comes back with what it held. */
  async function freeze(...services: readonly Service[]): Promise<void> {
    victim.pause();
    closing.push(() => victim.resume());
    for (const { registry } of services) await eventually(() => expect(registry.isAway).toBe(true), patience);
  }

  async function thaw(...services: readonly Service[]): Promise<void> {
    victim.resume();
    for (const { registry } of services) await eventually(() => expect(registry.isAway).toBe(false), patience);
  }

  test('its keys are written, read and removed here; those of the others in Redis, also in one call', async () => {
    const service = await startService('one');
    const cache = service.registry.get(apart);
    const [lost, removed] = [await lostIn(apart), await lostIn(apart, 50)];
    const kept = await keptIn(apart);
    for (const key of [lost, removed, kept]) await cache.set(key, 'before');
    await freeze(service);

    expect([lost, kept].map((key) => service.registry.isAwayFor(apart, key))).toEqual([true, false]);
    expect(await cache.get(lost)).toBeUndefined();
    await cache.set(lost, 'during');
    expect(await cache.read(lost)).toMatchObject({ layer: 'fallback' });
    expect(await cache.write(kept, text('during'))).toEqual({ outcome: 'replaced' });
    expect(await cache.read(kept)).toMatchObject({ layer: 'l2', body: Buffer.from('during') });
    expect(await cache.delete(removed)).toBe(false);

    expect(await cache.setMany([lost, kept].map((key) => ({ key, value: 'many' })))).toMatchObject({ failed: 0 });
    expect(await cache.getMany([kept, lost, removed])).toEqual(['many', 'many', undefined]);
    expect(await cache.writeMany([lost, kept].map((key) => ({ key, ...text('many') })))).toMatchObject({
      outcomes: ['replaced', 'replaced'],
    });
    expect(await cache.deleteMany([removed, kept])).toMatchObject({ successful: 2 });
    expect(await cache.readMany([kept, lost])).toMatchObject([null, { layer: 'fallback' }]);
    await expect(cache.write(lost, text('x'), { createOnly: true })).rejects.toMatchObject({ status: 503 });
    expect(service.journal.pending()).toBe(2);
  }, 30_000);

  test('what was written or removed meanwhile is never read as it was before, and then it is forgotten', async () => {
    const service = await startService('one');
    const cache = service.registry.get(apart);
    const [written, removed, untouched] = [await lostIn(apart), await lostIn(apart, 50), await lostIn(apart, 100)];
    for (const key of [written, removed, untouched]) await cache.set(key, 'before');
    await freeze(service);
    await cache.set(written, 'during');
    await cache.delete(removed);
    victim.resume();
    const seen: unknown[] = [];
    await eventually(async () => {
      seen.push(...(await cache.getMany([written, removed])), await cache.get(written), await cache.get(removed));
      expect(service.registry.isAway).toBe(false);
    }, patience);
    expect(seen).not.toContain('before');
    expect(await cache.getMany([written, removed, untouched])).toEqual([undefined, undefined, 'before']);
    expect(service.journal.pending()).toBe(0);
    // Nothing is left of the memory: it would be of yesterday in the next outage.
    await freeze(service);
    expect(await cache.get(written)).toBeUndefined();
  }, 30_000);

  test('its keys are loaded once in a process; a value that was removed during its load is kept nowhere', async () => {
    const service = await startService('one');
    const cache = service.registry.get(apart);
    const [lost, overtaken] = [await lostIn(apart), await lostIn(apart, 50)];
    await freeze(service);
    const loader = vi.fn(() => 'loaded');
    const values = await Promise.all(Array.from({ length: 20 }, () => cache.getOrSet(lost, loader)));
    expect(new Set(values)).toEqual(new Set(['loaded']));
    expect(await cache.getOrSetMany([lost], () => new Map())).toEqual(['loaded']);
    expect(loader).toHaveBeenCalledTimes(1);

    const [loading, release] = [new Latch(), new Latch()];
    const slow = cache.getOrSet(overtaken, async () => {
      loading.open();
      await release.wait();
      return 'of before';
    });
    await loading.wait();
    await cache.delete(overtaken);
    release.open();
    expect(await slow).toBe('of before');
    expect(await cache.get(overtaken)).toBeUndefined();
  }, 30_000);

  test('a tag that is invalidated in Redis takes along what is kept here', async () => {
    const service = await startService('one');
    const cache = service.registry.get(apart);
    const [lost, before] = [await lostIn(apart), await lostIn(apart, 50)];
    await cache.set(before, 'before', { tags: ['t'] });
    await freeze(service);
    await cache.set(lost, 'during', { tags: ['t'] });
    expect(await cache.get(lost)).toBe('during');
    await cache.invalidate({ tags: ['t'] });
    expect(await cache.get(lost)).toBeUndefined();
    await thaw(service);
    expect(await cache.getMany([lost, before])).toEqual([undefined, undefined]);
  }, 30_000);

  test('what has tags that cannot be asked for is a miss, and is not stored; what has none is as always', async () => {
    const service = await startService('one');
    const cache = service.registry.get(along);
    const [tagged, plain, unloaded] = [await keptIn(along), await keptIn(along, 50), await keptIn(along, 100)];
    await cache.set(tagged, 'before', { tags: ['t'] });
    await cache.set(plain, 'before');
    await freeze(service);
    expect(await cache.get(tagged)).toBeUndefined();
    expect(await cache.getMany([tagged, plain])).toEqual([undefined, 'before']);
    await cache.set(plain, 'during');
    expect(await cache.read(plain)).toMatchObject({ layer: 'l2' });
    await expect(cache.set(tagged, 'during', { tags: ['t'] })).rejects.toMatchObject({ status: 503 });

    expect(await cache.getOrSet(unloaded, () => 'loaded')).toBe('loaded');
    expect(await cache.get(unloaded)).toBe('loaded');
    const load = vi.fn(({ setTags }: { setTags: (tags: readonly string[]) => void }) => {
      setTags(['t']);
      return 'loaded';
    });
    const values = await Promise.all(Array.from({ length: 5 }, () => cache.getOrSet(tagged, load)));
    expect(new Set(values)).toEqual(new Set(['loaded']));
    await thaw(service);
    expect(await cache.get(tagged)).toBe('before');
  }, 30_000);

  test('a tag that is invalidated here counts at once, and in Redis before its state is read again', async () => {
    const service = await startService('one');
    const other = await startService('two');
    const cache = service.registry.get(along);
    const [kept, lost] = [await keptIn(along), await lostIn(along)];
    for (const key of [kept, lost]) await cache.set(key, 'before', { tags: ['t'] });
    expect(await cache.getMany([kept, lost])).toEqual(['before', 'before']);
    await freeze(service, other);
    await cache.invalidate({ tags: ['t'] });
    expect(await cache.getMany([kept, lost])).toEqual([undefined, undefined]);
    victim.resume();
    const seen: unknown[] = [];
    await eventually(async () => {
      seen.push(...(await cache.getMany([kept, lost])));
      expect(service.registry.isAway).toBe(false);
    }, patience);
    expect(seen).not.toContain('before');
    await thaw(service, other);
    expect(await other.registry.get(along).getMany([kept, lost])).toEqual([undefined, undefined]);
  }, 30_000);

  test('a prefix and a whole namespace are invalidated where they can be at once, and later on the rest', async () => {
    const service = await startService('one');
    const other = await startService('two');
    const cache = service.registry.get(apart);
    const [kept, lost, held] = [await keptIn(apart), await lostIn(apart), await lostIn(apart, 50)];
    for (const key of [kept, lost]) await cache.set(key, 'before');
    await freeze(service, other);
    await cache.set(held, 'during');
    expect(await cache.invalidate({ all: true })).toBeNull();
    expect(await cache.getMany([kept, lost, held])).toEqual([undefined, undefined, undefined]);
    expect(await other.registry.get(apart).get(kept)).toBeUndefined();
    await cache.set(kept, 'after');
    expect(await cache.read(kept)).toMatchObject({ layer: 'l2' });
    victim.resume();
    const seen: unknown[] = [];
    await eventually(async () => {
      seen.push(await cache.get(lost));
      expect(service.registry.isAway).toBe(false);
    }, patience);
    expect(seen).not.toContain('before');
    expect(await cache.get(lost)).toBeUndefined();
    expect(service.journal.pending()).toBe(0);
  }, 30_000);

  test('the journal outlives the process: the next one is told before it reads', async () => {
    const first = await startService('one');
    const [key, kept] = [await lostIn(apart), await keptIn(apart)];
    await first.registry.get(apart).set(key, 'before');
    await freeze(first);
    await first.registry.get(apart).set(key, 'during');
    await closing.splice(0, 1)[0]?.();
    const engine = createEngine({ name: 'next', target: { kind: 'cluster', nodes: cluster.addresses } });
    const journal = openJournal({ file: join(directory, 'one.db') });
    const registry = new CacheRegistry({ engine, keys, namespaces: { [apart]: { ttlMs: 600_000 } }, journal });
    closing.push(async () => {
      await registry.close();
      journal.close();
      await engine.close();
    });
    const cache: Cache = registry.get(apart);
    expect(await cache.get(key)).toBeUndefined();
    await eventually(async () => {
      await cache.set(kept, 'there');
      expect(await cache.read(kept)).toMatchObject({ layer: 'l2' });
    }, patience);
    expect(await cache.get(key)).toBeUndefined();
    victim.resume();
    await eventually(() => expect(registry.isAway).toBe(false), patience);
    expect(await cache.get(key)).toBeUndefined();
  }, 30_000);

  test('what was read a moment before stands in for longer than the first tier keeps it', async () => {
    const service = await startService('one', 1500);
    const cache = service.registry.get(apart);
    const key = await lostIn(apart);
    await cache.set(key, 'before');
    await eventually(async () => expect(await cache.read(key)).toMatchObject({ layer: 'l1' }), patience);
    await freeze(service);
    await eventually(async () => expect(await cache.read(key)).toMatchObject({ layer: 'fallback' }), patience);
    expect(await cache.get(key)).toBe('before');
    await cache.delete(key);
    expect(await cache.get(key)).toBeUndefined();
    await thaw(service);
    expect(await cache.get(key)).toBeUndefined();
  }, 30_000);

  test('as all of them were before, each is told for itself as it comes back', async () => {
    const service = await startService('one');
    const { engine } = service;
    const cache = service.registry.get(apart);
    const [lost, kept] = [await lostIn(apart), await keptIn(apart)];
    for (const key of [lost, kept]) await cache.set(key, 'before');
    const masters = await cluster.masters();
    for (const master of masters) master.pause();
    closing.push(() => masters.forEach((master) => master.resume()));
    await eventually(() => expect(engine.status.available).toBe(false), patience);
    for (const key of [lost, kept]) await cache.set(key, 'during');
    expect(await cache.getMany([lost, kept])).toEqual(['during', 'during']);
    for (const master of masters) if (master !== victim) master.resume();
    await eventually(async () => expect(await cache.get(kept)).toBeUndefined(), patience);
    await cache.set(kept, 'after');
    expect(await cache.read(kept)).toMatchObject({ layer: 'l2' });
    expect(await cache.read(lost)).toMatchObject({ layer: 'fallback' });
    expect(service.journal.pending()).toBe(1);
    await thaw(service);
    expect(await cache.getMany([lost, kept])).toEqual([undefined, 'after']);
  }, 30_000);

  test('a replica that takes over is told before it is read', async () => {
    const service = await startService('one');
    const cache = service.registry.get(apart);
    const [written, untouched] = [await lostIn(apart), await lostIn(apart, 50)];
    for (const key of [written, untouched]) await cache.set(key, 'before');
    for (const node of cluster.nodes) await node.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'no');
    closing.push(() => victim.resume());
    const promoted = cluster.failover(victim, 'SIGSTOP');
    const seen: unknown[] = [];
    await eventually(async () => {
      await cache.set(written, 'during');
      expect(await cache.read(written)).toMatchObject({ layer: 'fallback' });
    }, patience);
    await eventually(async () => {
      seen.push(await cache.get(written));
      expect(service.registry.isAway).toBe(false);
    }, patience);
    await promoted;
    expect(seen).not.toContain('before');
    expect(await cache.getMany([written, untouched])).toEqual([undefined, 'before']);
  }, 60_000);
});
