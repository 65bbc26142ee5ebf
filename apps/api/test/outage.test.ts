import { eventually, startRedis } from '@holdfast/testing';
import type { RedisServer } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

describe('while Redis is away and fallback is off', () => {
  let redis: RedisServer;
  let api: Api;
  beforeAll(async () => {
    redis = await startRedis();
    api = await startApi({
      env: {
        REDIS_URL: redis.url,
        REDIS_ENABLE_FALLBACK: 'false',
        REDIS_COMMAND_TIMEOUT_MS: '1000',
        NOVITA_API_BASE_URL: 'http://127.0.0.1:9',
      },
    });
    await eventually(async () => expect((await api.app.inject(put('before'))).statusCode).toBeLessThan(300));
    await eventually(() => api.runtime.parts.queues.queues.summaries());
  });
  afterAll(async () => {
    await api.close();
    await redis.stop();
  });

  const put = (key: string) => ({ method: 'PUT', url: `/v1/cache/prompts/${key}`, payload: 'x' }) as const;
  const requests = [
    { url: '/v1/cache/prompts/before' },
    put('during'),
    { method: 'DELETE', url: '/v1/cache/prompts/before' },
    { url: '/v1/namespaces/prompts/keys' },
    { url: '/v1/namespaces/prompts/top' },
    { method: 'POST', url: '/v1/cache/prompts/bulk/get', payload: { keys: ['before'] } },
    { method: 'POST', url: '/v1/cache/prompts/invalidate', payload: { all: true } },
    { method: 'POST', url: '/v1/entities/asset/1/invalidate' },
    { url: '/api/admin/redis/metrics' },
    { url: '/v1/queues' },
    { method: 'POST', url: '/v1/queues/http-delivery/jobs', payload: { data: { url: 'https://example.com/' } } },
    { url: '/v1/queues/http-delivery/jobs/some?wait=30s' },
    { url: '/v1/queues/http-delivery/jobs?state=failed' },
    { url: '/v1/queues/http-delivery/jobs/some/events' },
    { method: 'DELETE', url: '/v1/queues/http-delivery/jobs/some' },
    { method: 'POST', url: '/v1/queues/http-delivery/jobs/some/retry' },
    { method: 'POST', url: '/v1/queues/http-delivery/jobs/some/promote' },
    { method: 'POST', url: '/v1/queues/http-delivery/jobs/some/cancel' },
    { method: 'POST', url: '/v1/queues/http-delivery/pause' },
    { method: 'POST', url: '/v1/queues/http-delivery/resume' },
    { method: 'POST', url: '/v1/queues/http-delivery/drain' },
    { method: 'POST', url: '/v1/queues/http-delivery/clean', payload: { state: 'failed' } },
    { url: '/v1/queues/http-delivery/dead-letters' },
    { method: 'POST', url: '/v1/queues/http-delivery/dead-letters/redrive' },
    { method: 'POST', url: '/v1/queues/http-delivery/dead-letters/clean' },
    { url: '/v1/queues/http-delivery/schedules' },
    { url: '/v1/queues/http-delivery/schedules/some' },
    {
      method: 'PUT',
      url: '/v1/queues/http-delivery/schedules/some',
      payload: { every: '1h', job: { data: { url: 'https://example.com/' } } },
    },
    { method: 'DELETE', url: '/v1/queues/http-delivery/schedules/some' },
    { url: '/v1/sources' },
    { url: '/v1/sources/instances/items/1' },
    { method: 'POST', url: '/v1/sources/instances/sync' },
  ] as const;

  const expectUnavailable = async (): Promise<void> => {
    await Promise.all(
      requests.map(async (request) => {
        const answer = await api.app.inject(request);
        const name = `${request.url}: ${answer.payload}`;
        expect(answer.statusCode, name).toBe(503);
        expect(Number(answer.headers['retry-after']), name).toBeGreaterThan(0);
        expect(answer.headers['content-type'], name).toContain('application/problem+json');
        expect(answer.json<ProblemBody>().code, name).toMatch(/UNAVAILABLE|UNKNOWN/);
      }),
    );
  };
  const expectHealed = async (): Promise<void> => {
    await eventually(
      async () => {
        expect((await api.app.inject('/health')).json()).toMatchObject({ status: 'ok' });
        expect((await api.app.inject(put('after'))).statusCode).toBeLessThan(300);
        expect((await api.app.inject('/v1/queues')).statusCode).toBe(200);
      },
      { intervalMs: 50 },
    );
  };

  it('answers 503 after it was killed, and heals', async () => {
    await redis.kill('SIGKILL');
    await expectUnavailable();
    expect((await api.app.inject('/health')).json()).toMatchObject({ status: 'down' });
    await redis.start();
    await expectHealed();
  });

  it('answers 503 while it hangs, and heals', async () => {
    redis.pause();
    await expectUnavailable();
    expect((await api.app.inject('/health')).json()).toMatchObject({ status: 'down' });
    redis.resume();
    await expectHealed();
  });

  it('says of many jobs that they were not added, or of each that it may have been, under which id', async () => {
    await redis.kill('SIGKILL');
    const jobs = [{ data: { url: 'https://example.com/' } }, { data: { url: 'https://example.com/' } }];
    const answer = await api.app.inject({
      method: 'POST',
      url: '/v1/queues/http-delivery/jobs/bulk',
      payload: { jobs },
    });
    // Those that were under way when the connection broke.
    const unknown = { status: 'rejected', id: expect.any(String), error: { code: 'QUEUE_OUTCOME_UNKNOWN' } };
    const allowed =
      answer.statusCode === 503 ? { code: 'QUEUE_UNAVAILABLE' } : { rejected: 2, items: [unknown, unknown] };
    expect(answer.json()).toMatchObject(allowed);
    await redis.start();
    await expectHealed();
  });

  it('goes on with the events of a job after it', async () => {
    const { queues } = api.runtime.parts.queues;
    const { id } = await queues.add('http-delivery', {
      data: { url: 'https://example.com/' },
      options: { delayMs: 3_600_000 },
    });
    const streaming = api.app.inject(`/v1/queues/http-delivery/jobs/${id}/events`);
    await eventually(async () => {
      expect(String(await redis.command('CLIENT', 'LIST'))).toMatch(/name=\S*:qe\b|holdfast:events/);
    });
    redis.pause();
    await eventually(async () => expect((await api.app.inject('/health')).json()).toMatchObject({ status: 'down' }));
    redis.resume();
    await expectHealed();
    await queues.admin.promote('http-delivery', id);
    await queues.admin.remove('http-delivery', id);
    const { payload } = await streaming;
    expect(payload).toContain('event: state\ndata: {"state":"delayed"}');
    expect(payload).toContain('event: state\ndata: {"state":"prioritized"}');
    expect(payload).toContain('event: state\ndata: {"state":"unknown"}');
  });

  it('never wrote an unknown error into the log', () => {
    expect(api.log.filter((line) => line.includes('"INTERNAL"'))).toEqual([]);
  });
});
