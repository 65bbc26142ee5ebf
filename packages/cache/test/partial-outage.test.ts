import { join } from 'node:path';
import { createEngine } from '@holdfast/redis-core';
import { openDiskFolder } from '@holdfast/redis-core/disk';
import { openJournal } from '@holdfast/redis-core/journal';
import { eventually, Latch } from '@holdfast/testing';
import { describe, expect, test, vi } from 'vitest';
import { CacheRegistry, type Cache } from '../src/index.ts';
import { patience, useLostMaster } from './use-lost-master.ts';

const text = (body: string): { body: string; contentType: string } => ({ body, contentType: 'text/plain' });

/** Its keys get what all keys get while Redis is away; those of the others notice nothing. */
describe('while one master of a cluster is away', () => {
  const here = useLostMaster();
  const { closing, startService, lostIn, keptIn, freeze, thaw } = here;

  test('its keys are written, read and removed here; those of the others in Redis, also in one call', async () => {
    const service = await startService('one');
    const cache = service.registry.get(here.apart);
    const [lost, removed] = [await lostIn(here.apart), await lostIn(here.apart, 50)];
    const kept = await keptIn(here.apart);
    for (const key of [lost, removed, kept]) await cache.set(key, 'before');
    await freeze(service);

    expect([lost, kept].map((key) => service.registry.isOnFallbackFor(here.apart, key))).toEqual([true, false]);
    expect(await cache.get(lost)).toBeUndefined();
    await cache.set(lost, 'during');
    expect(await cache.read(lost)).toMatchObject({ layer: 'fallback' });
    expect(await cache.write(kept, text('during'))).toEqual({ outcome: 'replaced' });
    expect(await cache.read(kept)).toMatchObject({ layer: 'l2', body: Buffer.from('during') });
    expect(await cache.delete(removed)).toBe(false);

    const many = [lost, kept].map((key) => ({ key, value: 'many' }));
    expect(await cache.setMany(many)).toMatchObject({ failed: 0, fallback: [lost] });
    expect(await cache.getMany([kept, lost, removed])).toEqual(['many', 'many', undefined]);
    expect(await cache.writeMany([lost, kept].map((key) => ({ key, ...text('many') })))).toMatchObject({
      outcomes: ['replaced', 'replaced'],
      fallback: [lost],
    });
    expect(await cache.deleteMany([removed, kept])).toMatchObject({ successful: 2, fallback: [removed] });
    expect(await cache.readManyDetailed([kept, lost, removed])).toMatchObject([
      { entry: null, layer: 'l2' },
      { entry: { layer: 'fallback' }, layer: 'fallback' },
      { entry: null, layer: 'fallback' },
    ]);
    await expect(cache.write(lost, text('x'), { createOnly: true })).rejects.toMatchObject({ status: 503 });
    expect(service.journal.pending()).toBe(2);
  });

  test('what was written or removed meanwhile is never read as it was before, and then it is forgotten', async () => {
    const service = await startService('one');
    const cache = service.registry.get(here.apart);
    const [written, removed, untouched] = [
      await lostIn(here.apart),
      await lostIn(here.apart, 50),
      await lostIn(here.apart, 100),
    ];
    for (const key of [written, removed, untouched]) await cache.set(key, 'before');
    await freeze(service);
    await cache.set(written, 'during');
    await cache.delete(removed);
    here.victim.resume();
    const seen: unknown[] = [];
    await eventually(async () => {
      seen.push(...(await cache.getMany([written, removed])), await cache.get(written), await cache.get(removed));
      expect(service.registry.isOnFallback).toBe(false);
    }, patience);
    expect(seen).not.toContain('before');
    expect(await cache.getMany([written, removed, untouched])).toEqual([undefined, undefined, 'before']);
    expect(service.journal.pending()).toBe(0);
    // Nothing is left of the memory: it would be of yesterday in the next outage.
    await freeze(service);
    expect(await cache.get(written)).toBeUndefined();
  });

  test('its keys are loaded once in a process; a value that was removed during its load is kept nowhere', async () => {
    const service = await startService('one');
    const cache = service.registry.get(here.apart);
    const [lost, overtaken] = [await lostIn(here.apart), await lostIn(here.apart, 50)];
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
  });

  test('the journal outlives the process: the next one is told before it reads', async () => {
    const first = await startService('one');
    const [key, kept] = [await lostIn(here.apart), await keptIn(here.apart)];
    await first.registry.get(here.apart).set(key, 'before');
    await freeze(first);
    await first.registry.get(here.apart).set(key, 'during');
    await closing.splice(0, 1)[0]?.();
    const engine = createEngine({ name: 'next', target: { kind: 'cluster', nodes: here.cluster.addresses } });
    const disk = openDiskFolder({ directory: join(here.directory, 'one') });
    const journal = await openJournal({ folder: disk });
    const registry = new CacheRegistry({
      engine,
      keys: here.keys,
      namespaces: { [here.apart]: { ttlMs: 600_000 } },
      journal,
    });
    closing.push(async () => {
      await registry.close();
      await disk.close();
      await engine.close();
    });
    const cache: Cache = registry.get(here.apart);
    expect(await cache.get(key)).toBeUndefined();
    await eventually(async () => {
      await cache.set(kept, 'there');
      expect(await cache.read(kept)).toMatchObject({ layer: 'l2' });
    }, patience);
    expect(await cache.get(key)).toBeUndefined();
    here.victim.resume();
    await eventually(() => expect(registry.isOnFallback).toBe(false), patience);
    expect(await cache.get(key)).toBeUndefined();
  });

  test('what was read a moment before is the fallback for longer than L1 keeps it', async () => {
    const service = await startService('one', 1500);
    const cache = service.registry.get(here.apart);
    const key = await lostIn(here.apart);
    await cache.set(key, 'before');
    await eventually(async () => expect(await cache.read(key)).toMatchObject({ layer: 'l1' }), patience);
    await freeze(service);
    await eventually(async () => expect(await cache.read(key)).toMatchObject({ layer: 'fallback' }), patience);
    expect(await cache.get(key)).toBe('before');
    await cache.delete(key);
    expect(await cache.get(key)).toBeUndefined();
    await thaw(service);
    expect(await cache.get(key)).toBeUndefined();
  });

  test('as all of them were before, each is told for itself as it comes back', async () => {
    const service = await startService('one');
    const { engine } = service;
    const cache = service.registry.get(here.apart);
    const [lost, kept] = [await lostIn(here.apart), await keptIn(here.apart)];
    for (const key of [lost, kept]) await cache.set(key, 'before');
    const masters = await here.cluster.masters();
    for (const master of masters) master.pause();
    closing.push(() => masters.forEach((master) => master.resume()));
    await eventually(() => expect(engine.status.available).toBe(false), patience);
    for (const key of [lost, kept]) await cache.set(key, 'during');
    expect(await cache.getMany([lost, kept])).toEqual(['during', 'during']);
    for (const master of masters) if (master !== here.victim) master.resume();
    await eventually(async () => expect(await cache.get(kept)).toBeUndefined(), patience);
    await cache.set(kept, 'after');
    expect(await cache.read(kept)).toMatchObject({ layer: 'l2' });
    expect(await cache.read(lost)).toMatchObject({ layer: 'fallback' });
    expect(service.journal.pending()).toBe(1);
    await thaw(service);
    expect(await cache.getMany([lost, kept])).toEqual([undefined, 'after']);
  });

  test('a replica that takes over is told before it is read', async () => {
    const service = await startService('one');
    const cache = service.registry.get(here.apart);
    const [written, untouched] = [await lostIn(here.apart), await lostIn(here.apart, 50)];
    for (const key of [written, untouched]) await cache.set(key, 'before');
    for (const node of here.cluster.nodes) await node.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'no');
    closing.push(() => here.victim.resume());
    const promoted = here.cluster.failover(here.victim, 'SIGSTOP');
    const seen: unknown[] = [];
    await eventually(async () => {
      await cache.set(written, 'during');
      expect(await cache.read(written)).toMatchObject({ layer: 'fallback' });
    }, patience);
    await eventually(async () => {
      seen.push(await cache.get(written));
      expect(service.registry.isOnFallback).toBe(false);
    }, patience);
    await promoted;
    expect(seen).not.toContain('before');
    expect(await cache.getMany([written, untouched])).toEqual([undefined, 'before']);
  });
});
