import { eventually, startRedis } from '@holdfast/testing';
import type { RedisServer } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

interface Health {
  readonly status: string;
  readonly redis: { readonly healthy: boolean; readonly reason?: string; readonly fault?: string };
}

describe('a Redis that answers and refuses writes', () => {
  let redis: RedisServer;
  let api: Api;
  let url: string;
  beforeAll(async () => {
    redis = await startRedis();
    api = await startApi({ env: { REDIS_URL: redis.url } });
    url = await api.app.listen({ port: 0 });
    await expectHealthy();
  });
  afterAll(async () => {
    await api.close();
    await redis.stop();
  });

  const put = async () => fetch(`${url}/v1/cache/prompts/k`, { method: 'PUT', body: 'x' });
  const invalidate = async () => post('/v1/cache/prompts/invalidate', { tags: ['t'] });
  const addJob = async () => post('/v1/queues/http-delivery/jobs', { data: { url: 'https://example.com/' } });
  const health = async (): Promise<Health> => (await (await fetch(`${url}/health`)).json()) as Health;
  const expectHealthy = () =>
    eventually(async () => expect(await health()).toMatchObject({ status: 'ok', redis: { healthy: true } }));

  async function post(path: string, body: object): Promise<Response> {
    const headers = { 'content-type': 'application/json' };
    return fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  it('since it has become a replica is not called healthy', async () => {
    await redis.command('REPLICAOF', '127.0.0.1', '1');
    try {
      expect((await put()).status).toBe(503);
      const { status, redis: reading } = await health();
      expect({ status, healthy: reading.healthy }).toEqual({ status: 'degraded', healthy: false });
      expect(reading.reason).toMatch(/READONLY/);
    } finally {
      await redis.command('REPLICAOF', 'NO', 'ONE');
    }
    await expectHealthy();
  });

  it('since a rule of its forbids them refuses access, also inside scripts', async () => {
    await redis.command('ACL', 'SETUSER', 'default', '-@write');
    try {
      const answers = await Promise.all([put(), invalidate(), addJob()]);
      const codes = await Promise.all(answers.map(async (answer) => ((await answer.json()) as ProblemBody).code));
      expect(codes).toEqual(Array.from({ length: 3 }, () => 'REDIS_ACCESS_REFUSED'));
      expect(answers.map((answer) => answer.status)).toEqual([503, 503, 503]);
      expect(await health()).toMatchObject({ status: 'degraded', redis: { healthy: false, fault: 'forbidden' } });
    } finally {
      await redis.command('ACL', 'SETUSER', 'default', '+@all');
    }
    await expectHealthy();
  });
});
