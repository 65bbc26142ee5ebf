import { randomBytes } from 'node:crypto';
import { eventually, uniquePrefix, useRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReceiver, type Receiver } from './receiver.ts';
import { ended, makeDataDir, startApi, startUpstream, startWorker } from './system.ts';
import type { Program } from './system.ts';

const patient = { timeoutMs: 60_000, intervalMs: 100 };

/** API and worker as they are shipped, `LOG_LEVEL` included. */
describe('the log of a healthy service', () => {
  let data: Awaited<ReturnType<typeof makeDataDir>>;
  let receiver: Receiver;
  let api: Program;
  let worker: Program;
  beforeAll(async () => {
    const [upstream, folder, endpoint] = await Promise.all([startUpstream(), makeDataDir(), startReceiver()]);
    data = folder;
    receiver = endpoint;
    const env = {
      REDIS_URL: useRedis().url,
      REDIS_KEY_PREFIX: uniquePrefix('quiet'),
      HOLDFAST_DATA_DIR: data.path,
      HTTP_DELIVERY_ALLOW_PRIVATE: 'true',
      NOVITA_API_BASE_URL: upstream.url,
      WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
      // A machine that is busy with other tests is no outage.
      REDIS_PROBE_DEADLINE_MS: '30000',
      REDIS_COMMAND_TIMEOUT_MS: '30000',
    };
    [api, worker] = await Promise.all([startApi(env), startWorker(env)]);
    for (const each of [api, worker]) {
      await eventually(async () => expect(await each.json('/health')).toMatchObject({ status: 'ok' }), patient);
    }
    await eventually(
      async () => expect(await api.json('/v1/sources/instances')).toMatchObject({ healthy: true }),
      patient,
    );
  });
  afterAll(async () => {
    await receiver.close();
    await data.remove();
  });

  const written = (): string => [...api.node.lines, ...worker.node.lines].join('\n');

  it('gets not one byte from thousands of requests, of jobs, and of what callers got wrong', async () => {
    const before = written();
    const json = { 'content-type': 'application/json' };
    const put = (path: string, body: string) => api.request(path, { method: 'PUT', body, headers: json });
    const post = (path: string, body: unknown) =>
      api.request(path, { method: 'POST', body: JSON.stringify(body), headers: json });
    const deliver = (jobId: string, options = {}) =>
      post('/v1/queues/http-delivery/jobs', { data: { url: receiver.url }, options: { jobId, ...options } });
    const { items } = (await api.json('/v1/sources/instances/items?limit=1')) as { items: { id: string }[] };

    const statusOf: Record<string, (n: number) => Promise<Response>> = {
      'stored or replaced': (n) => put(`/v1/cache/prompts/k${n % 50}?ttl=5m`, `{"n":${n}}`),
      'a hit': () => api.request('/v1/cache/prompts/known'),
      'a miss': (n) => api.request(`/v1/cache/prompts/nothing-${n}`),
      'many at once': (n) => post('/v1/cache/prompts/bulk/get', { keys: ['known', `nothing-${n}`] }),
      'an item of a mirror': () => api.request(`/v1/sources/instances/items/${items[0]?.id}`),
      'an item that is not there': (n) => api.request(`/v1/sources/instances/items/none-${n}`),
      'a job, or one of before': (n) => deliver(`job-${n % 100}`),
      'a job that is not there': (n) => api.request(`/v1/queues/http-delivery/jobs/none-${n}`),
      'a wrong field': () => post('/v1/queues/http-delivery/jobs', { data: { url: 'no url' }, more: 1 }),
      'no JSON': () => api.request('/v1/queues/http-delivery/jobs', { method: 'POST', body: '{', headers: json }),
      'an unknown queue': () => api.request('/v1/queues/no-such-queue'),
      'no route': () => api.request('/wp-login.php'),
      'a wrong method': () => api.request('/health', { method: 'DELETE' }),
      'a probe of the API': () => api.request('/health/ready'),
      'a probe of the worker': () => worker.request('/health/live'),
      'a scrape': () => worker.request('/metrics'),
    };
    await put('/v1/cache/prompts/known?ttl=5m', '1');
    const seen = new Map<string, Set<number>>();
    for (let round = 0; round < 130; round += 1) {
      await Promise.all(
        Object.entries(statusOf).map(async ([name, ask]) => {
          const answer = await ask(round);
          await answer.arrayBuffer();
          seen.set(name, (seen.get(name) ?? new Set()).add(answer.status));
        }),
      );
    }
    // Slow because its caller wants it so.
    await deliver('later', { delay: '1h' });
    expect((await api.request('/v1/queues/http-delivery/jobs/later?wait=1500ms')).status).toBe(200);
    for (let n = 0; n < 100; n += 1) {
      expect(await ended(api, 'http-delivery', `job-${n}`)).toMatchObject({ state: 'completed' });
    }

    expect(
      Object.fromEntries(
        [...seen].map(([name, statuses]) => [name, [...statuses].toSorted((one, other) => one - other)]),
      ),
    ).toEqual({
      'stored or replaced': [201, 204],
      'a hit': [200],
      'a miss': [404],
      'many at once': [200],
      'an item of a mirror': [200],
      'an item that is not there': [404],
      'a job, or one of before': [200, 201],
      'a job that is not there': [404],
      'a wrong field': [400],
      'no JSON': [400],
      'an unknown queue': [404],
      'no route': [404],
      'a wrong method': [405],
      'a probe of the API': [200],
      'a probe of the worker': [200],
      'a scrape': [200],
    });
    expect(Buffer.byteLength(written()) - Buffer.byteLength(before), written().slice(before.length, 2000)).toBe(0);
  });
});
