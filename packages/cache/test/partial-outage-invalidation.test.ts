import { eventually } from '@holdfast/testing';
import { describe, expect, test, vi } from 'vitest';
import { patience, useLostMaster } from './use-lost-master.ts';

describe('what is invalidated while one master of a cluster is away', () => {
  const here = useLostMaster();
  const { startService, lostIn, keptIn, freeze, thaw } = here;

  test('a tag that is invalidated in Redis takes along what is kept here', async () => {
    const service = await startService('one');
    const cache = service.registry.get(here.apart);
    const [lost, before] = [await lostIn(here.apart), await lostIn(here.apart, 50)];
    await cache.set(before, 'before', { tags: ['t'] });
    await freeze(service);
    await cache.set(lost, 'during', { tags: ['t'] });
    expect(await cache.get(lost)).toBe('during');
    await cache.invalidate({ tags: ['t'] });
    expect(await cache.get(lost)).toBeUndefined();
    await thaw(service);
    expect(await cache.getMany([lost, before])).toEqual([undefined, undefined]);
  });

  test('what has tags that cannot be asked for is a miss, and is not stored; what has none is as always', async () => {
    const service = await startService('one');
    const cache = service.registry.get(here.along);
    const [tagged, plain, unloaded] = [
      await keptIn(here.along),
      await keptIn(here.along, 50),
      await keptIn(here.along, 100),
    ];
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
  });

  test('a tag that is invalidated here counts at once, and in Redis before its state is read again', async () => {
    const service = await startService('one');
    const other = await startService('two');
    const cache = service.registry.get(here.along);
    const [kept, lost] = [await keptIn(here.along), await lostIn(here.along)];
    for (const key of [kept, lost]) await cache.set(key, 'before', { tags: ['t'] });
    expect(await cache.getMany([kept, lost])).toEqual(['before', 'before']);
    await freeze(service, other);
    await cache.invalidate({ tags: ['t'] });
    expect(await cache.getMany([kept, lost])).toEqual([undefined, undefined]);
    here.victim.resume();
    const seen: unknown[] = [];
    await eventually(async () => {
      seen.push(...(await cache.getMany([kept, lost])));
      expect(service.registry.isOnFallback).toBe(false);
    }, patience);
    expect(seen).not.toContain('before');
    await thaw(service, other);
    expect(await other.registry.get(here.along).getMany([kept, lost])).toEqual([undefined, undefined]);
  });

  test('a prefix and a whole namespace are invalidated where they can be at once, and later on the rest', async () => {
    const service = await startService('one');
    const other = await startService('two');
    const cache = service.registry.get(here.apart);
    const [kept, lost, held] = [await keptIn(here.apart), await lostIn(here.apart), await lostIn(here.apart, 50)];
    for (const key of [kept, lost]) await cache.set(key, 'before');
    await freeze(service, other);
    await cache.set(held, 'during');
    expect(await cache.invalidate({ all: true })).toBeNull();
    expect(await cache.getMany([kept, lost, held])).toEqual([undefined, undefined, undefined]);
    expect(await other.registry.get(here.apart).get(kept)).toBeUndefined();
    await cache.set(kept, 'after');
    expect(await cache.read(kept)).toMatchObject({ layer: 'l2' });
    here.victim.resume();
    const seen: unknown[] = [];
    await eventually(async () => {
      seen.push(await cache.get(lost));
      expect(service.registry.isOnFallback).toBe(false);
    }, patience);
    expect(seen).not.toContain('before');
    expect(await cache.get(lost)).toBeUndefined();
    expect(service.journal.pending()).toBe(0);
  });
});
