import { createKeys, type Keys, type RedisEngine } from '@holdfast/redis-core';
import { TestClock, uniquePrefix } from '@holdfast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cacheEntityStore } from '../src/entities/cache-entity-store.ts';
import { CacheRegistry, Entities, EntityGraph } from '../src/index.ts';
import { Usage } from '../src/usage.ts';
import { studioTypes } from './studio.ts';
import { engines } from './engines.ts';

describe.each(engines)('on %s', (_name, create) => {
  let engine: RedisEngine;
  let keys: Keys;
  beforeAll(() => {
    engine = create();
  });
  afterAll(() => engine.close());
  beforeEach(() => {
    keys = createKeys(uniquePrefix());
  });

  test('use knows sizes, tops and evictions of namespaces with a bound and without', async () => {
    const clock = new TestClock();
    const removed: string[] = [];
    const usage = new Usage({
      engine,
      keys,
      now: clock.now,
      maxEntries: new Map([['small', 2]]),
      remove: async (namespace, victims) => {
        removed.push(...victims.map(({ key }) => `${namespace}/${key}`));
        const names = victims.map(({ key }) => key);
        await engine.zrem(keys.access(namespace, 'recency'), names);
        return victims.map(() => 'removed');
      },
    });
    expect(usage.size('small')).toBeNull();
    for (const key of ['a', 'b', 'c', 'd']) {
      clock.advance(1);
      // As the scripts do that write entries.
      await engine.zadd(keys.access('small', 'recency'), [{ member: key, score: clock.now() }]);
      usage.written('small', key, null);
      usage.written('free', key, null);
      await engine.set(keys.cache('free', key), 'v');
      usage.read('free', key);
    }
    await engine.zrem(keys.access('small', 'recency'), ['d']);
    usage.removed('small', 'd');
    usage.removed('free', 'd');
    await usage.close();
    expect(removed).toEqual(['small/a']);
    expect(usage.evictions('small')).toBe(1);
    expect(usage.evictions('free')).toBe(0);
    expect(await usage.measure('small')).toMatchObject({ entries: 2, countedAt: clock.now() });
    expect((await usage.top('free', 1)).map(({ hits }) => hits)).toEqual([1]);
  });

  test('entities live in the namespaces of a registry', async () => {
    const caches = new CacheRegistry({
      engine,
      keys,
      namespaces: Object.fromEntries(['creator', 'asset', 'project'].map((name) => [name, { ttlMs: 60_000 }])),
    });
    const asset = (creator: string, project: string): { value: unknown; tags: string[] } => ({
      value: { owner: { id: creator }, projectId: project },
      tags: [`creator:${creator}`],
    });
    for (const [id, { value, tags }] of Object.entries({ a1: asset('7', 'p1'), a2: asset('8', 'p2') })) {
      await caches.get('asset').set(id, value, { tags });
    }
    await caches.get('asset').write('a3', {
      body: JSON.stringify({ owner: { id: 7 }, projectId: 'p2' }),
      contentType: 'application/json; charset=utf-8',
      tags: ['creator:7'],
    });
    await caches.get('asset').write('text', { body: '{"projectId": "p1"}', contentType: 'text/plain' });
    await caches.get('asset').write('torn', { body: '{', contentType: 'application/json' });
    for (const id of ['p1', 'p2']) await caches.get('project').set(id, 'project');
    for (const id of ['7', '8']) await caches.get('creator').set(id, 'creator');
    const graph = new EntityGraph({
      creator: studioTypes.creator,
      asset: {
        namespaces: ['asset'],
        invalidates: [
          { type: 'project', field: 'projectId' },
          { type: 'creator', field: 'owner.id' },
        ],
      },
      project: studioTypes.project,
    });
    const entities = new Entities({ graph, store: cacheEntityStore(caches) });

    for (const nothing of ['text', 'torn', 'none']) {
      expect((await entities.invalidateAsset(nothing)).invalidated).toHaveLength(1);
    }
    const { invalidated } = await entities.invalidateAsset('a3');
    expect(invalidated.map(({ type, id }) => `${type} ${id}`)).toEqual(['asset a3', 'project p2', 'creator 7']);
    expect(await caches.get('asset').get('a1')).toBeUndefined();
    expect(await caches.get('asset').get('a2')).toBeDefined();
    expect(await caches.get('creator').getMany(['7', '8'])).toEqual([undefined, 'creator']);
    expect(await caches.get('project').getMany(['p1', 'p2'])).toEqual(['project', undefined]);
    await caches.close();
    // What the cascades read is no use: only what was got above counts.
    expect(await caches.get('asset').top()).toMatchObject([{ key: 'a2', hits: 1 }]);
  });

  test('an entity that expires is served as grace while its loader fails, and one that is deleted is not', async () => {
    const rules = { ttlMs: 60_000, graceMs: 60_000 };
    const caches = new CacheRegistry({ engine, keys, namespaces: { user: rules } });
    const graph = new EntityGraph({ user: { namespaces: ['user'], invalidates: [] } });
    const entities = new Entities({ graph, store: cacheEntityStore(caches) });
    const cache = caches.get('user');
    const failing = (): Promise<never> => Promise.reject(new Error('down'));
    await cache.set('7', 'of before');
    await cache.set('7/photo', 'of before', { tags: ['user:7'] });
    await entities.invalidateUser('7', 'expire');
    for (const key of ['7', '7/photo']) {
      expect(await cache.get(key)).toBeUndefined();
      expect(await cache.getOrSet(key, failing)).toBe('of before');
    }
    await entities.invalidateUser('7');
    for (const key of ['7', '7/photo']) await expect(cache.getOrSet(key, failing)).rejects.toThrow('down');
    await caches.close();
  });

  test('an invalidation by key or prefix leaves no names behind in a namespace with a bound', async () => {
    const caches = new CacheRegistry({ engine, keys, namespaces: { small: { ttlMs: null, maxEntries: 100 } } });
    const cache = caches.get('small');
    for (const key of ['a', 'p1', 'p2', 'b']) await cache.set(key, 'v');
    await cache.invalidate({ keys: ['a'] });
    await cache.invalidate({ prefix: 'p' });
    await caches.close();
    expect(await cache.size()).toMatchObject({ entries: 1 });
  });
});
