import { eventually } from '@holdfast/testing';
import { describe, expect, test } from 'vitest';
import type { Cache } from '../../src/index.ts';
import { heldLoader, kinds, useProcesses } from './processes.ts';

const changes: readonly [string, (cache: Cache) => Promise<unknown>, unknown][] = [
  ['a set', (cache) => cache.set('k', 'written'), 'written'],
  ['a delete', (cache) => cache.delete('k'), undefined],
  ['an invalidation of its tag', (cache) => cache.invalidate({ tags: ['t'] }), undefined],
  ['an expiry of its tag', (cache) => cache.invalidate({ tags: ['t'] }, { mode: 'expire' }), undefined],
  ['an invalidation of all', (cache) => cache.invalidate({ all: true }), undefined],
  ['an invalidation of its prefix', (cache) => cache.invalidate({ prefix: 'k' }), undefined],
];

describe.each(kinds)('what happens during a load beats it, on %s:', (kind) => {
  const processes = useProcesses(kind);
  const { cacheOf } = processes;

  for (const [what, change, then] of changes) {
    for (const where of ['this process', 'another process']) {
      for (const before of ['nothing', 'an expired entry']) {
        test(`${what} in ${where}, over ${before}`, async () => {
          const cache = await cacheOf({ graceMs: 60_000 });
          const other = where === 'this process' ? cache : await cacheOf({ graceMs: 60_000 });
          if (before === 'an expired entry') {
            await cache.set('k', 'older', { tags: ['t'] });
            await cache.invalidate({ tags: ['t'] }, { mode: 'expire' });
          }
          const { load, started, gate } = heldLoader(() => 'loaded before');
          const loaded = cache.getOrSet('k', async ({ setTags }) => {
            const value = await load();
            setTags(['t']);
            return value;
          });
          await started.wait();
          await change(other);
          gate.open();
          expect(await loaded).toBe('loaded before');
          expect(await other.get('k')).toBe(then);
          await eventually(async () => expect(await cache.get('k')).toBe(then));
          expect(await other.getOrSet('k', () => 'loaded after')).toBe(then ?? 'loaded after');
        });
      }
    }
  }

  // A full Redis may forget what the tags went through more than once while a loader is at work.
  for (const [when, isKnown] of [
    ['are told before it', true],
    ['are told by the loader, where some were used before', false],
  ] as const) {
    test(`an invalidation that Redis has forgotten by its end, of tags that ${when}`, async () => {
      const { engine, cache } = await processes.start();
      const { cache: other } = await processes.start();
      const forgetTags = (): Promise<number> => engine.del([processes.keys.cacheTags('ns')]);
      if (!isKnown) await cache.set('before', 1, { tags: ['t'] });
      await forgetTags();
      const { load, started, gate } = heldLoader(() => 'loaded before');
      const loaded = cache.getOrSet(
        'k',
        async ({ setTags }) => {
          const value = await load();
          if (!isKnown) setTags(['t']);
          return value;
        },
        isKnown ? { tags: ['t'] } : {},
      );
      await started.wait();
      await other.invalidate({ tags: ['t'] });
      await forgetTags();
      gate.open();
      expect(await loaded).toBe('loaded before');
      expect(await other.get('k')).toBeUndefined();
      expect(await cache.getOrSet('k', () => 'loaded after', { tags: ['t'] })).toBe('loaded after');
      expect(await other.get('k')).toBe('loaded after');
    });
  }

  test('a caller who comes after the change does not share the load from before', async () => {
    const cache = await cacheOf();
    const { load, started, gate } = heldLoader(() => 'before');
    const before = cache.getOrSet('k', load);
    await started.wait();
    await cache.delete('k');
    const after = cache.getOrSet('k', () => 'after');
    expect(await after).toBe('after');
    gate.open();
    expect(await before).toBe('before');
    expect(await cache.get('k')).toBe('after');
  });
});
