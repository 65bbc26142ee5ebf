import { createKeys } from '@holdfast/redis-core';
import { eventually, type RedisCluster, type RedisServer, startCluster } from '@holdfast/testing';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, startApi } from './fixture.ts';

describe('while one master of a Redis Cluster is away', () => {
  let cluster: RedisCluster;
  let victim: RedisServer;
  let api: Api;
  /** Keys of the namespace on the master that goes away, and on another one. */
  let lost: string[];
  let kept: string;

  beforeAll(async () => {
    cluster = await startCluster();
    for (const node of cluster.nodes) await node.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes');
    api = await startApi({
      env: {
        REDIS_URL: '',
        REDIS_CLUSTER_NODES: cluster.addresses.map(({ host, port }) => `${host}:${port}`).join(','),
      },
    });
    await eventually(() => expect(api.runtime.engines.cache.status.available).toBe(true));
    const keys = createKeys(api.config.redis.keyPrefix);
    victim = await cluster.masterOf(keys.cache('prompts', 'n0'));
    const names = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => ({
        name: `n${n}`,
        isLost: (await cluster.masterOf(keys.cache('prompts', `n${n}`))) === victim,
      })),
    );
    lost = names.filter(({ isLost }) => isLost).map(({ name }) => name);
    kept = names.find(({ isLost }) => !isLost)?.name ?? '';
  });
  afterAll(async () => {
    await api.close();
    await cluster.stop();
  });

  const call = (url: string, options: InjectOptions = {}) => api.app.inject({ method: 'GET', url, ...options });
  const entry = (key: string, options: InjectOptions = {}) => call(`/v1/cache/prompts/${key}`, options);
  const statusOf = async (): Promise<unknown> => (await call('/health')).json<{ status: string }>().status;

  it('marks what it answers for the keys of that one, and no others; the health is degraded until it is back', async () => {
    const [written = '', removed = ''] = lost;
    for (const key of [kept, removed]) await entry(key, { method: 'PUT', payload: 'before' });
    await eventually(async () => expect(await statusOf()).toBe('ok'));
    victim.pause();
    await eventually(() => expect(api.runtime.parts.cache.caches.isOnFallback).toBe(true));

    const inFallback = 'holdfast; stored; detail=fallback';
    const put = await entry(written, { method: 'PUT', payload: 'during' });
    expect([put.statusCode, put.headers['cache-status']]).toEqual([201, inFallback]);
    const gone = await entry(removed, { method: 'DELETE' });
    expect([gone.statusCode, gone.headers['cache-status']]).toEqual([204, inFallback]);
    expect((await entry(written)).payload).toBe('during');
    expect((await entry(removed)).statusCode).toBe(404);

    const elsewhere = await entry(kept, { method: 'PUT', payload: 'during' });
    expect([elsewhere.statusCode, elsewhere.headers['cache-status']]).toEqual([204, undefined]);
    expect((await entry(kept)).payload).toBe('during');
    expect(await statusOf()).toBe('degraded');
    expect((await call('/health/ready')).statusCode).toBe(200);

    victim.resume();
    await eventually(() => expect(api.runtime.parts.cache.caches.isOnFallback).toBe(false));
    await eventually(async () => expect(await statusOf()).toBe('ok'));
    // Nobody can have heard of a write to a memory that is given up; what was deleted stays so.
    expect((await entry(removed)).statusCode).toBe(404);
    expect((await entry(written)).statusCode).toBe(404);
  });
});
