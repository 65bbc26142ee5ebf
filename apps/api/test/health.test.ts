import { Health } from '@holdfast/contract';
import { closedPort } from '@holdfast/testing';
import { Value } from 'typebox/value';
import { afterEach, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';

describe('health', () => {
  let api: Api;
  afterEach(() => api.close());
  const get = async (url: string): Promise<{ status: number; body: Health }> => {
    const answer = await api.app.inject(url);
    // No serializer sees to it.
    if (url === '/health') expect(Value.Errors(Health, answer.json())).toEqual([]);
    return { status: answer.statusCode, body: answer.json() };
  };
  const unreachable = async (): Promise<string> => `redis://127.0.0.1:${await closedPort()}`;

  it('is ok with Redis, and says what it measured', async () => {
    api = await startApi();
    await api.runtime.engines.cache.time();
    await api.runtime.engines.durable.time();
    await api.runtime.parts.queues.queues.summaries();
    const { status, body } = await get('/health');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'ok',
      mode: 'redis',
      redis: {
        available: true,
        healthy: true,
        latencyMs: expect.any(Number),
        breaker: 'closed',
        cacheManager: {
          available: true,
          configuration: { defaultBackend: 'redis', enableFallback: true, redisConnected: true },
        },
      },
      dependencies: { redis: { cache: { healthy: true }, durable: { healthy: true } } },
      queues: { available: true, backend: 'redis' },
      outbox: { waiting: 0, setAside: 0, bytes: 0, oldestAgeMs: 0, accepting: true },
    });
  });

  it('is degraded, ready and alive without Redis while fallback is on', async () => {
    api = await startApi({ env: { REDIS_URL: await unreachable() } });
    const { status, body } = await get('/health');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'degraded',
      redis: { available: false, healthy: false, latencyMs: null, breaker: 'open' },
      queues: { available: false },
    });
    expect((await get('/health/ready')).status).toBe(200);
    expect((await get('/health/live')).status).toBe(200);
  });

  it('is down and not ready without Redis while fallback is off, but alive', async () => {
    api = await startApi({ env: { REDIS_URL: await unreachable(), REDIS_ENABLE_FALLBACK: 'false' } });
    expect(await get('/health')).toMatchObject({ status: 503, body: { status: 'down' } });
    expect((await get('/health/ready')).status).toBe(503);
    expect((await get('/health/live')).status).toBe(200);
  });

  it('says that there is no Redis in embedded mode, which is no fault', async () => {
    api = await startApi({ env: { REDIS_URL: '' }, engine: 'memory' });
    const { body } = await get('/health');
    expect(body).toMatchObject({
      status: 'ok',
      mode: 'embedded',
      redis: {
        available: false,
        healthy: true,
        cacheManager: { available: true, configuration: { defaultBackend: 'memory', redisConnected: false } },
      },
      queues: { available: true, backend: 'embedded' },
    });
  });
});

describe('metrics', () => {
  it('show requests by the template of their route, and the backlog of the queues', async () => {
    const api = await startApi();
    await api.app.inject('/v1/cache/prompts/secret-key');
    await api.app.inject('/no/such/path');
    const answer = await api.app.inject('/metrics');
    expect(answer.headers['content-type']).toContain('text/plain');
    expect(answer.payload).toMatch(/http_request_duration_seconds_count\{[^}]*route="\/v1\/cache\/:ns\/:key"[^}]*\} 1/);
    expect(answer.payload).toMatch(/route="unmatched"/);
    expect(answer.payload).toMatch(/holdfast_queue_backlog\{queue="http-delivery"\} 0/);
    expect(answer.payload).not.toContain('secret-key');
    expect(api.log.join('')).not.toContain('secret-key');
    await api.close();
  });

  it('come without the queues, and in time, when Redis is away', async () => {
    const api = await startApi({ env: { REDIS_URL: `redis://127.0.0.1:${await closedPort()}` } });
    const answer = await api.app.inject('/metrics');
    expect(answer.statusCode).toBe(200);
    expect(answer.payload).not.toContain('holdfast_queue_backlog{');
    await api.close();
  });
});
