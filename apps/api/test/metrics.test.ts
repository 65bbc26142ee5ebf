import { readFileSync } from 'node:fs';
import { eventually, startRedis } from '@holdfast/testing';
import type { RedisServer } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';

describe('what somebody who is woken up at night reads in /metrics', () => {
  let redis: RedisServer;
  let api: Api;
  beforeAll(async () => {
    redis = await startRedis({ args: ['--appendonly', 'yes'] });
    api = await startApi({ redis });
    await eventually(() => expect(api.runtime.parts.cache.caches.isOnFallback).toBe(false));
    await eventually(() => expect(api.runtime.parts.queues.backend.status.available).toBe(true));
  });
  afterAll(async () => {
    await api.close();
    await redis.stop();
  });

  const lines = async (): Promise<string[]> => (await api.app.inject('/metrics')).payload.split('\n');
  const untilShown = async (...expected: string[]): Promise<void> =>
    eventually(async () => expect(await lines()).toEqual(expect.arrayContaining(expected)));

  it('what may come of each route and each read, before it has come: a ratio has a value, and the first failure is seen', async () => {
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'holdfast_http_requests_total{route="/v1/queues/:q/jobs",outcome="failed"} 0',
        'holdfast_http_requests_total{route="/health/ready",outcome="failed"} 0',
        'holdfast_cache_operations_total{namespace="products",operation="get",outcome="hit",layer="l1"} 0',
        'holdfast_cache_operations_total{namespace="products",operation="get",outcome="hit",layer="l2"} 0',
      ]),
    );
    // Over a socket: what is injected never leaves, and counts as broken off.
    const address = await api.app.listen({ host: '127.0.0.1', port: 0 });
    expect((await fetch(`${address}/v1/cache/products/absent`)).status).toBe(404);
    await untilShown(
      'holdfast_http_requests_total{route="/v1/cache/:ns/:key",outcome="answered"} 1',
      'holdfast_cache_operations_total{namespace="products",operation="get",outcome="miss",layer="l2"} 1',
      'holdfast_cache_operations_total{namespace="products",operation="get",outcome="hit",layer="l2"} 0',
    );
  });

  it('the routes that alerts name, and no others', async () => {
    const rules = readFileSync(new URL('../../../infra/prometheus/holdfast.rules.yaml', import.meta.url), 'utf8');
    const routes = (await lines()).flatMap(
      (line) => /^holdfast_http_requests_total\{route="([^"]+)"/.exec(line)?.[1] ?? [],
    );
    const named = [...rules.matchAll(/\broute[!=]~"([^"]+)"/g)].flatMap(([, expression = '']) => expression.split('|'));
    expect(named.length).toBeGreaterThan(0);
    for (const each of named) expect(routes).toContainEqual(expect.stringMatching(`^${each}$`));
  });

  it('how full Redis, the namespaces and the memory of the process are', async () => {
    const shown = await lines();
    for (const name of ['redis_memory_used_bytes', 'redis_connected_clients', 'redis_max_clients']) {
      expect(shown).toContainEqual(expect.stringMatching(`^holdfast_${name}\\{connection="cache"\\} [1-9]`));
    }
    expect(shown).toContainEqual(expect.stringMatching(/^holdfast_cache_l1_max_bytes [1-9]/));
    expect(shown).toContainEqual(expect.stringMatching(/^holdfast_cache_entries\{namespace="products"\} \d/));
  });

  it('how many jobs each call of the store added', async () => {
    const job = { data: { url: 'https://example.com/' }, options: { delay: '1h' } };
    const add = () => api.app.inject({ method: 'POST', url: '/v1/queues/http-delivery/jobs', payload: job });
    for (const { statusCode } of await Promise.all(Array.from({ length: 5 }, add))) expect(statusCode).toBe(201);
    const payload = { jobs: Array.from({ length: 60 }, () => job) };
    const bulk = await api.app.inject({ method: 'POST', url: '/v1/queues/http-delivery/jobs/bulk', payload });
    expect(bulk.statusCode).toBe(200);
    const name = 'holdfast_queue_batch_jobs';
    const shown = await lines();
    expect(shown).toContain(`${name}_sum{queue="http-delivery"} 65`);
    const calls = shown.find((line) => line.startsWith(`${name}_count`))?.split(' ')[1];
    expect(Number(calls)).toBeGreaterThanOrEqual(3);
    expect(Number(calls)).toBeLessThan(20);
    expect(shown).toEqual(
      expect.arrayContaining(['holdfast_queue_batches_open 0', 'holdfast_queue_adds_unanswered 0']),
    );
  });

  it('that Redis is away, that the fallback is in use, and what Redis has to be told; and that this is over', async () => {
    await api.app.inject({ method: 'PUT', url: '/v1/cache/prompts/some', payload: 'x' });
    await untilShown(
      'holdfast_queue_store_up 1',
      'holdfast_cache_standing_in 0',
      'holdfast_cache_invalidations_waiting 0',
    );
    await redis.kill('SIGKILL');
    await eventually(() => expect(api.runtime.parts.cache.caches.isOnFallback).toBe(true));
    await api.app.inject({ method: 'DELETE', url: '/v1/cache/prompts/some' });
    await untilShown(
      'holdfast_queue_store_up 0',
      'holdfast_cache_standing_in 1',
      'holdfast_cache_invalidations_waiting 1',
    );
    await redis.start();
    await untilShown(
      'holdfast_queue_store_up 1',
      'holdfast_cache_standing_in 0',
      'holdfast_cache_invalidations_waiting 0',
    );
  });
});
