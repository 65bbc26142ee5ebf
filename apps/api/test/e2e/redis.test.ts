import { closedPort, eventually, startRedis } from '@holdfast/testing';
import type { RedisServer, SpawnedNode } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstTenMinutes } from './flow.ts';
import { startReceiver } from './receiver.ts';
import type { Receiver } from './receiver.ts';
import { ended, killAll, makeDataDir, processesOf, residentMegabytes, start, startApi } from './system.ts';
import { startUpstream, startWorker } from './system.ts';
import type { Env, Service } from './system.ts';

const patient = { intervalMs: 100 };

async function expectOutage(service: Service): Promise<void> {
  await eventually(async () => {
    const answer = await service.request('/v1/queues');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      503,
      'application/problem+json; charset=utf-8',
    ]);
    expect(await answer.json()).toMatchObject({ status: 503, code: expect.stringMatching(/UNAVAILABLE/) });
  }, patient);
  await eventually(async () => {
    const { status, headers } = await service.request('/v1/cache/prompts/any');
    expect([status, headers.get('cache-status')]).toEqual([404, 'holdfast; fwd=miss; detail=fallback']);
  }, patient);
  const health = await service.request('/health');
  expect([health.status, ((await health.json()) as { status: string }).status]).toEqual([200, 'degraded']);
  expect((await service.request('/health/ready')).status).toBe(200);
  expect((await service.request('/health/live')).status).toBe(200);
}

const untilOk = async (service: Service): Promise<void> => {
  await eventually(
    async () => expect(await service.json('/health')).toMatchObject({ status: 'ok', mode: 'redis' }),
    patient,
  );
};

describe('with a Redis', () => {
  let data: Awaited<ReturnType<typeof makeDataDir>>;
  let receiver: Receiver;
  let redis: RedisServer;
  let env: Env;
  beforeAll(async () => {
    // As a durable Redis is run: what it acknowledged is on disk.
    const args = ['--appendonly', 'yes'];
    [data, receiver, redis] = await Promise.all([makeDataDir(), startReceiver(), startRedis({ args })]);
    env = { HOLDFAST_DATA_DIR: data.path, HTTP_DELIVERY_ALLOW_PRIVATE: 'true', REDIS_URL: redis.url };
  });
  afterAll(async () => {
    await data.remove();
    await receiver.close();
    await redis.stop();
  });

  it('npm start runs API and worker as two processes; an outage answers 503, and heals', async () => {
    const service = await start({ ...env, WORKER_PORT: '0' });
    expect(service.node.lines.join('\n')).toContain('API and worker as two processes');
    const commands = processesOf(data.path).map(({ command }) => command);
    expect(commands.filter((command) => command.includes('apps/api/dist/server.js'))).toHaveLength(1);
    expect(commands.filter((command) => command.includes('apps/worker/dist/main.js'))).toHaveLength(1);
    await firstTenMinutes(service, receiver);
    console.log(`redis: start ${Math.round(service.startMs)} ms, ${residentMegabytes(data.path)} MB in all`);

    // A job runs, another waits for its time, while Redis dies.
    receiver.hold();
    const add = async (jobId: string, options = {}): Promise<unknown> =>
      service.post('/v1/queues/http-delivery/jobs', { data: { url: receiver.url }, options: { jobId, ...options } });
    await Promise.all([add('running'), add('later', { delay: '2s' })]);
    await eventually(() => expect(receiver.ids).toContain('http-delivery:running'), patient);
    await redis.kill();
    await expectOutage(service);
    receiver.letGo();
    await redis.start();
    await untilOk(service);
    for (const id of ['running', 'later']) {
      expect(await ended(service, 'http-delivery', id)).toMatchObject({ state: 'completed' });
    }
    await firstTenMinutes(service, receiver);

    expect(await service.node.kill('SIGINT')).toEqual({ code: 0, signal: null });
    expect(service.node.lines.join('\n')).not.toMatch(/killed/);
    await eventually(() => expect(processesOf(data.path)).toEqual([]));
  });

  it('the programs run apart, with nothing but their environment', async () => {
    const upstream = await startUpstream();
    const apart = { ...env, REDIS_KEY_PREFIX: 'apart', NOVITA_API_BASE_URL: upstream.url };
    // In this order: the worker finds what was added before it came.
    const api = await startApi(apart);
    const { id } = await api.post('/v1/queues/http-delivery/jobs', { data: { url: receiver.url } });
    const worker = await startWorker(apart);
    expect(await ended(api, 'http-delivery', String(id))).toMatchObject({ state: 'completed' });
    await firstTenMinutes(api, receiver);
    expect(await worker.json('/health')).toMatchObject({ status: 'ok', mode: 'redis' });
    expect(await (await worker.request('/metrics')).text()).toMatch(/^holdfast_queue_/m);

    const nodes: readonly SpawnedNode[] = [api.node, worker.node, upstream.node];
    for (const node of nodes) expect(await node.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await eventually(() => expect(processesOf(data.path)).toEqual([]));
  });
});

describe('with a Redis that cannot be reached', () => {
  it('the API starts at once, is ready and degraded; and takes up Redis when it comes', async () => {
    const data = await makeDataDir();
    const redis = await startRedis();
    await redis.kill();
    const env = { HOLDFAST_DATA_DIR: data.path, REDIS_URL: redis.url };
    const service = await startApi(env);
    await expectOutage(service);
    await redis.start();
    await untilOk(service);
    killAll(data.path);
    await data.remove();
    await redis.stop();
  });

  it('nothing starts where fallback is off, and it says why', async () => {
    const data = await makeDataDir();
    const REDIS_URL = `redis://127.0.0.1:${await closedPort()}`;
    const off = { REDIS_ENABLE_FALLBACK: 'false', REDIS_CONNECTION_TIMEOUT_MS: '500' };
    const env = { HOLDFAST_DATA_DIR: data.path, REDIS_URL, ...off };
    await expect(startApi(env)).rejects.toThrow(/REDIS_ENABLE_FALLBACK=false\): nothing listens at redis:/);
    await expect(startWorker(env)).rejects.toThrow(/REDIS_ENABLE_FALLBACK=false\): nothing listens at redis:/);
    await data.remove();
  });
});
