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
