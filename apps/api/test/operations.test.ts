import { eventually, startRedis } from '@holdfast/testing';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey, startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

describe('what operators look at', () => {
  const admin = makeKey('root', 'admin');
  const reader = makeKey('reader', 'cache:read+sources:read');
  const limited = makeKey('limited', 'cache:read+cache:write+sources:read@asset+project+products');
  let api: Api;
  beforeAll(async () => {
    const keys = [admin, reader, limited].map(({ entry }) => entry).join(',');
    api = await startApi({ env: { HOLDFAST_API_KEYS: keys } });
    await eventually(() => expect(api.runtime.parts.cache.caches.isOnFallback).toBe(false));
  });
  afterAll(() => api.close());

  const get = (url: string, key: typeof admin | null = admin, options: InjectOptions = {}) =>
    api.app.inject({
      method: 'GET',
      url,
      ...(key === null ? {} : { headers: { authorization: `Bearer ${key.token}` } }),
      ...options,
    });

  it('summarises the health, and says when it is of a moment ago', async () => {
    const first = await get('/api/health', reader);
    expect(first.statusCode).toBe(200);
    expect(first.json()).toMatchObject({ status: 'ok', mode: 'redis', cached: false });
    expect(first.json<{ responseTimeMs: number }>().responseTimeMs).toBeGreaterThan(0);
    expect((await get('/api/health', reader)).json()).toMatchObject({ status: 'ok', cached: true });
    expect((await get('/api/health', admin)).json()).toMatchObject({ cached: true });
    expect((await get('/api/health', null)).statusCode).toBe(401);
  });

  it('tells how Redis does', async () => {
    const health = (await get('/api/health/redis', reader)).json();
    expect(health).toMatchObject({ status: 'ok', connected: true, latencyMs: expect.any(Number) });

    await api.runtime.parts.cache.caches.get('prompts').set('counted', 1);
    const answer = await get('/api/admin/redis/metrics');
    expect(answer.statusCode).toBe(200);
    const { metrics } = answer.json<{ data: { metrics: Record<string, unknown> } }>().data;
    expect(metrics).toMatchObject({
      memory: { used: expect.any(Number), peak: expect.any(Number), fragmentation: expect.any(Number) },
      opsPerSecond: expect.any(Number),
      clients: expect.any(Number),
      uptimeSeconds: expect.any(Number),
      version: expect.stringMatching(/^(Redis|Valkey) \d/),
      keyspace: { cache: 1 },
      keyspaceComplete: true,
    });
    expect((await get('/api/admin/redis/metrics', reader)).statusCode).toBe(403);
  });

  it('tells how the integrations do, to whom they concern', async () => {
    const all = (await get('/api/integrations/status', reader)).json();
    expect(all).toEqual({
      integrations: [
        { name: 'instances', healthy: expect.any(Boolean), lastSync: null },
        { name: 'products', healthy: expect.any(Boolean), lastSync: null },
      ],
      cached: false,
    });
    const some = (await get('/api/integrations/status', limited)).json();
    expect(some).toMatchObject({ integrations: [{ name: 'products' }], cached: true });
  });

  it('tells what is being gathered and sent to the queues', async () => {
    const numbers = api.runtime.parts.queues.queues.coalescer('http-delivery', {
      maxItems: 2,
      maxWaitMs: 60_000,
      toData: () => ({ url: 'https://example.com/' }),
    });
    const waiting = numbers.add('one');
    expect((await get('/api/batches/stats')).json()).toEqual({
      activeBatches: 1,
      totalQueuedJobs: 1,
      batchesByType: { 'http-delivery': 1 },
    });
    await Promise.all([waiting, numbers.add('two')]);
    expect((await get('/api/batches/stats')).json()).toEqual({
      activeBatches: 0,
      totalQueuedJobs: 0,
      batchesByType: {},
    });
    expect((await get('/api/batches/stats', limited)).statusCode).toBe(403);
  });

  it('counts what the cache does', async () => {
    const cache = api.runtime.parts.cache.caches.get('asset');
    await cache.set('hot', 1);
    await eventually(async () => {
      await get('/v1/cache/asset/hot');
      const stats = (await get('/v1/namespaces/asset')).json<{ l1: { hits: number } }>();
      expect(stats.l1.hits).toBeGreaterThan(0);
    });
    await get('/v1/cache/asset/cold');
    const { namespaces } = (await get('/api/cache/stats', limited)).json<{ namespaces: { namespace: string }[] }>();
    expect(namespaces.map(({ namespace }) => namespace).toSorted()).toEqual(['asset', 'products', 'project']);
    expect(namespaces.find(({ namespace }) => namespace === 'asset')).toMatchObject({
      ttlMs: 3_600_000,
      hits: expect.any(Number),
      misses: 1,
      l1: { totalEntries: 1, validEntries: 1, expiredEntries: 0, bytes: expect.any(Number) },
      l2: { hits: expect.any(Number) },
      stale: 0,
      evictions: 0,
      errors: 0,
    });
    await eventually(async () => {
      expect((await get('/v1/namespaces/asset')).json()).toMatchObject({ size: 1 });
    });
  });

  it('knows the keys that are read most', async () => {
    const cache = api.runtime.parts.cache.caches.get('brand');
    for (const key of ['a', 'b']) await cache.set(key, 1);
    for (let n = 0; n < 5; n += 1) await get('/v1/cache/brand/b');
    await get('/v1/cache/brand/a');
    const answer = await eventually(async () => {
      const top = await get('/v1/namespaces/brand/top?limit=2');
      expect(top.json<{ items: unknown[] }>().items).toHaveLength(2);
      return top;
    });
    expect(answer.json()).toEqual({
      items: [
        { key: 'b', hits: 5, lastAccess: expect.stringMatching(/^\d{4}-.*Z$/) },
        { key: 'a', hits: 1, lastAccess: expect.any(String) },
      ],
    });
    expect((await get('/v1/namespaces/brand/top?limit=0')).statusCode).toBe(400);
    expect((await get('/v1/namespaces/brand/top', limited)).statusCode).toBe(403);
  });

  it('invalidates an entity and what depends on it, for those who may', async () => {
    const invalidate = (type: string, id: string, key: typeof admin = admin) =>
      get(`/v1/entities/${type}/${id}/invalidate`, key, { method: 'POST' });
    const { caches } = api.runtime.parts.cache;
    const json = (value: unknown) => ({ body: JSON.stringify(value), contentType: 'application/json' });
    await caches.get('asset').write('11', { ...json({ projectId: 3, creatorId: '7' }), tags: ['creator:7'] });
    await caches.get('asset').write('12', { ...json({}), tags: ['creator:7'] });
    await caches.get('asset').write('13', { ...json({}), tags: ['creator:8'] });
    await caches.get('project').write('3', json({}));
    await caches.get('creator').write('7', json({}));
    await caches.get('creator').write('8', json({}));

    const answer = await invalidate('asset', '11');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      invalidated: [
        { type: 'asset', id: '11' },
        { type: 'project', id: '3' },
        { type: 'creator', id: '7' },
      ],
      tagged: expect.arrayContaining([{ type: 'asset', tag: 'creator:7' }]),
    });
    const there = await Promise.all(
      (
        [
          ['asset', '11'],
          ['asset', '12'],
          ['asset', '13'],
          ['project', '3'],
          ['creator', '7'],
          ['creator', '8'],
        ] as const
      ).map(async ([namespace, key]) => (await caches.get(namespace).read(key)) !== null),
    );
    expect(there).toEqual([false, false, true, false, false, true]);

    const unknown = await invalidate('planet', '1');
    expect(unknown.json<ProblemBody>()).toMatchObject({ status: 404, code: 'ENTITY_UNKNOWN' });
    // It may reach creators, which this key may not touch.
    expect((await invalidate('asset', '1', limited)).json<ProblemBody>().code).toBe('NAMESPACE_FORBIDDEN');
    expect((await invalidate('project', '3', limited)).statusCode).toBe(200);
    expect((await invalidate('project', '3', reader)).statusCode).toBe(403);
  });
});

describe('what operators look at, where Redis is another one for what must last', () => {
  it('is told of both', async () => {
    const durable = await startRedis();
    const api = await startApi({ env: { QUEUE_REDIS_URL: durable.url } });
    await eventually(async () => {
      const answer = await api.app.inject('/api/admin/redis/metrics');
      expect(answer.json()).toMatchObject({ data: { metrics: { keyspace: {} }, durable: { keyspace: {} } } });
    });
    await api.close();
    await durable.stop();
  });
});

describe('what operators look at, without a Redis', () => {
  it('says so', async () => {
    const api = await startApi({ engine: 'memory' });
    expect((await api.app.inject('/api/health/redis')).json()).toMatchObject({ status: 'ok', connected: false });
    const answer = await api.app.inject('/api/admin/redis/metrics');
    expect(answer.json()).toMatchObject({ data: { metrics: { version: 'memory engine' } } });
    await api.close();
  });
});
