import { createKeys, type Keys, type RedisEngine } from '@holdfast/redis-core';
import { eventually, Latch, TestClock, uniquePrefix } from '@holdfast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Cache, CacheRegistry } from '../src/index.ts';
import { engines } from './engines.ts';

/** What `read` gives nothing of is absent for all that ask, and what it serves is there. */
describe.each(engines)('on %s', (_name, create) => {
  let engine: RedisEngine;
  let keys: Keys;
  let cache: Cache;
  const clock = new TestClock(Date.now());
  const loaded = new Latch();

  beforeAll(() => {
    engine = create();
  });
  afterAll(() => {
    loaded.open();
    return engine.close();
  });
  beforeEach(() => {
    keys = createKeys(uniquePrefix());
    cache = new Cache({
      engine,
      keys,
      namespace: 'ns',
      ttlMs: 60_000,
      softTtlMs: 1000,
      graceMs: 600_000,
      negativeTtlMs: 60_000,
      now: clock.now,
    });
  });

  const text = (body: string): { body: string; contentType: string } => ({ body, contentType: 'text/plain' });

  async function listed(): Promise<string[]> {
    const found: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await cache.list({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
      found.push(...page.keys);
      ({ cursor } = page);
    }
    return found;
  }

  const absent: [string, () => Promise<unknown>][] = [
    ['what was never written', () => Promise.resolve()],
    [
      'what was invalidated by tag',
      async () => {
        await cache.write('k', { ...text('old'), tags: ['a', 'b'] });
        await cache.invalidate({ tags: ['b'] });
      },
    ],
    [
      'what was invalidated by tag, as grace',
      async () => {
        await cache.write('k', { ...text('old'), tags: ['a', 'b'] });
        await cache.invalidate({ tags: ['b'] }, { mode: 'expire' });
      },
    ],
    [
      'what is of before Redis lost the state of the tags',
      async () => {
        await cache.write('k', { ...text('old'), tags: ['a'] });
        await engine.del([keys.cacheTags('ns')]);
      },
    ],
    [
      'what is past its time, within its grace',
      async () => {
        await cache.write('k', text('old'));
        clock.advance(60_001);
      },
    ],
    [
      'what was expired',
      async () => {
        await cache.write('k', text('old'));
        await cache.invalidate({ keys: ['k'] }, { mode: 'expire' });
      },
    ],
    ['that there is nothing', () => cache.getOrSet('k', () => undefined)],
    [
      'what is being loaded',
      async () => {
        const begun = new Latch();
        const loading = cache.getOrSet('k', async () => {
          begun.open();
          await loaded.wait();
          return 'loaded';
        });
        loading.catch(() => undefined);
        await begun.wait();
      },
    ],
  ];

  describe.each(absent)('%s', (_what, arrange) => {
    test('is not read, not listed and not there', async () => {
      await arrange();
      expect(await cache.read('k')).toBeNull();
      expect(await cache.has('k')).toBe(false);
      expect(await listed()).toEqual([]);
    });

    test('is free for who creates, with tags and without', async () => {
      await arrange();
      expect(await cache.write('k', text('new'), { createOnly: true })).toEqual({ outcome: 'created' });
      expect((await cache.read('k'))?.body.toString()).toBe('new');
      expect(await cache.write('k', text('newer'), { createOnly: true })).toEqual({ outcome: 'exists' });
      await cache.delete('k');
      await arrange();
      const tagged = { ...text('new'), tags: ['a', 'c'] };
      expect(await cache.write('k', tagged, { createOnly: true })).toEqual({ outcome: 'created' });
      expect((await cache.read('k'))?.body.toString()).toBe('new');
      await cache.invalidate({ tags: ['c'] });
      expect(await cache.read('k')).toBeNull();
    });

    test('was not there for who deletes it', async () => {
      await arrange();
      expect(await cache.delete('k')).toBe(false);
      expect(await engine.get(keys.cache('ns', 'k'))).toBeNull();
    });
  });

  const there: [string, () => Promise<unknown>][] = [
    ['an entry', () => cache.write('k', text('old'))],
    ['an entry with tags', () => cache.write('k', { ...text('old'), tags: ['a'] })],
    [
      'an entry that is stale',
      async () => {
        await cache.write('k', { ...text('old'), tags: ['a'] });
        clock.advance(1001);
      },
    ],
    [
      'an entry of which another tag was invalidated',
      async () => {
        await cache.write('k', { ...text('old'), tags: ['a'] });
        await cache.invalidate({ tags: ['b'] });
      },
    ],
  ];

  test.each(there)('%s is there for all of them', async (_what, arrange) => {
    await arrange();
    expect((await cache.read('k'))?.body.toString()).toBe('old');
    expect(await listed()).toEqual(['k']);
    expect(await cache.write('k', text('new'), { createOnly: true })).toEqual({ outcome: 'exists' });
    expect((await cache.read('k'))?.body.toString()).toBe('old');
    expect(await cache.delete('k')).toBe(true);
    expect(await cache.read('k')).toBeNull();
  });

  test('what is no entry gives way to who creates, and is listed so that it can be removed', async () => {
    const complete = keys.cache('ns', 'k');
    await engine.set(complete, 'something else');
    expect(await cache.read('k')).toBeNull();
    expect(await cache.has('k')).toBe(false);
    expect(await listed()).toEqual(['k']);
    expect(await cache.write('k', text('new'), { createOnly: true })).toEqual({ outcome: 'created' });
    expect((await cache.read('k'))?.body.toString()).toBe('new');
    await engine.set(complete, 'something else');
    expect(await cache.delete('k')).toBe(true);
    expect(await engine.get(complete)).toBeNull();
  });

  test('only what is there is counted', async () => {
    const registry = new CacheRegistry({
      engine,
      keys,
      namespaces: { ns: { ttlMs: 60_000, graceMs: 60_000, negativeTtlMs: 60_000 } },
      usage: { now: clock.now },
    });
    const counted = registry.get('ns');
    await counted.setMany([
      { key: 'plain', value: 1 },
      { key: 'tagged', value: 1, tags: ['a'] },
      { key: 'invalid', value: 1, tags: ['a', 'b'] },
      { key: 'grace', value: 1 },
    ]);
    await counted.invalidate({ tags: ['b'] });
    await counted.invalidate({ keys: ['grace'] }, { mode: 'expire' });
    await counted.getOrSet('nothing', () => undefined);
    await engine.set(keys.cache('ns', 'no entry'), 'something else');
    await eventually(async () => expect(await counted.size()).toMatchObject({ entries: 3, isEstimate: false }));
    await registry.close();
  });

  test('one of a hundred creates in the place of what is invalid', async () => {
    await cache.write('k', { ...text('old'), tags: ['a'] });
    await cache.invalidate({ tags: ['a'] });
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, at) => cache.write('k', text(String(at)), { createOnly: true })),
    );
    expect(outcomes.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
  });
});
