import { createLogger, createMetrics } from '@holdfast/telemetry';
import { eventually, startRedis } from '@holdfast/testing';
import type { RedisServer } from '@holdfast/testing';
import type { JobWorker } from '@holdfast/queue';
import type { Runtime } from '@holdfast/runtime';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildHealthPort } from '../src/health-port.ts';
import { createTestWorker } from './fixture.ts';
import type { TestWorkerOptions } from './fixture.ts';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: unknown;
}
type Get = (path: string) => Promise<Answer>;

const age = expect.any(Number) as unknown;

describe('the health port of a worker', () => {
  let redis: RedisServer;
  const closers: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
    await redis.start();
  });
  afterAll(async () => redis.stop());

  async function start({ enableFallback = true, ...options }: TestWorkerOptions & { enableFallback?: boolean } = {}) {
    const env = { REDIS_URL: redis.url, REDIS_COMMAND_TIMEOUT_MS: '1000', ...options.env };
    const test = await createTestWorker({ ...options, env });
    const metrics = createMetrics({ service: 'worker' });
    const { worker, runtime } = test;
    const sources = { worker, runtime, version: '1.2.3', mode: 'redis', enableFallback };
    const port = buildHealthPort({ sources: () => sources, metrics, logger: createLogger({ service: 'worker' }) });
    const variables = { host: 'WORKER_HOST', port: 'WORKER_PORT' };
    const address = await port.open({ host: '127.0.0.1', port: 0, variables });
    closers.push(
      async () => test.close(),
      async () => metrics.close(),
      async () => port.close(),
    );
    const get: Get = async (path) => {
      const answer = await fetch(`${address}${path}`);
      const text = await answer.text();
      const isJson = answer.headers.get('content-type')?.includes('json') === true;
      return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : {} };
    };
    return { test, get };
  }

  /** What the probes say is told to their thread twice a second, and a report is made once a second. */
  const until = async (get: Get, path: string, status: number, body: object = {}): Promise<void> => {
    await eventually(async () => {
      const answer = await get(path);
      expect([answer.status, answer.body]).toMatchObject([status, body]);
    });
  };
  const untilStatus = async (get: Get, status: string): Promise<void> =>
    until(get, '/health', status === 'down' ? 503 : 200, { status });

  it('ignores queries, as those of probes and scrapes are', async () => {
    const { test, get } = await start();
    await test.worker.start();
    await untilStatus(get, 'ok');
    for (const path of ['/health/live', '/health/ready', '/health', '/metrics']) {
      for (const query of ['x=1', 'name[]=up', '%00', '%ff']) {
        await until(get, `${path}?${query}`, 200);
      }
    }
  });

  it('says degraded, and stays ready, while a Redis that is there takes no writes', async () => {
    const { test, get } = await start();
    await test.worker.start();
    await untilStatus(get, 'ok');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      await until(get, '/health', 200, {
        status: 'degraded',
        redis: { queue: { available: true, refuses: { writes: { kind: 'out-of-memory' } } } },
      });
      await until(get, '/health/ready', 200, { status: 'degraded' });
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    }
    await untilStatus(get, 'ok');
  });

  it('says ok while it works', async () => {
    const { test, get } = await start();
    await test.worker.start();
    await until(get, '/health', 200, {
      status: 'ok',
      version: '1.2.3',
      mode: 'redis',
      uptime: expect.any(Number),
      redis: { cache: { available: true }, durable: { available: true }, queue: { available: true } },
      queues: { 'source-sync': { running: true, active: 0 }, 'http-delivery': { running: true, active: 0 } },
    });
    for (const path of ['/health/live', '/health/ready']) await until(get, path, 200, { status: 'ok', age });
  });

  it('exposes metrics of the process and of the libraries', async () => {
    const { get } = await start();
    const answer = await get('/metrics');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^(text\/plain|application\/openmetrics-text)/);
    expect(answer.text).toContain('process_resident_memory_bytes');
  });

  it('is down, but alive, before it takes jobs and once it stops', async () => {
    const { test, get } = await start();
    expect((await get('/health/ready')).status).toBe(503);
    expect((await get('/health/live')).status).toBe(200);
    await test.worker.start();
    await until(get, '/health/ready', 200, { status: 'ok' });
    await test.worker.close({ timeoutMs: 2000 });
    await until(get, '/health/ready', 503, { status: 'down' });
    await untilStatus(get, 'down');
    expect((await get('/health/live')).status).toBe(200);
  });

  it('stays ready, degraded, while Redis is away and fallback is on; and heals', async () => {
    const { test, get } = await start();
    await test.worker.start();
    await untilStatus(get, 'ok');
    await redis.kill();
    await untilStatus(get, 'degraded');
    await until(get, '/health/ready', 200, { status: 'degraded' });
    expect((await get('/metrics')).status).toBe(200);
    await redis.start();
    await untilStatus(get, 'ok');
  });

  it('is degraded and ready when it starts without Redis', async () => {
    await redis.kill();
    const { test, get } = await start();
    await test.worker.start();
    await until(get, '/health/ready', 200);
    await untilStatus(get, 'degraded');
  });

  it('is down, and not alive, when jobs wait that it does not ask for, although Redis answers', async () => {
    const workers: JobWorker[] = [];
    const adapt = (runtime: Runtime): Runtime => {
      const { backend: queueBackend } = runtime.parts.queues;
      const createWorker: typeof queueBackend.createWorker = (...args) => {
        const worker = queueBackend.createWorker(...args);
        workers.push(worker);
        return worker;
      };
      const watched = Object.create(queueBackend, { createWorker: { value: createWorker } });
      return { ...runtime, parts: { ...runtime.parts, queues: { ...runtime.parts.queues, backend: watched } } };
    };
    const env = { WORKER_QUEUES: 'http-delivery' };
    const { test, get } = await start({ adapt, env, stuckAfterMs: 300 });
    await test.worker.start();
    await untilStatus(get, 'ok');
    expect((await test.run('http-delivery', { url: 'http://127.0.0.1:1/' }, { attempts: 1 })).state).toBe('failed');

    // Idle for longer than it takes to be suspect, which nobody minds while nothing waits.
    await expect(eventually(() => expect(test.worker.stuck()).not.toEqual([]), { timeoutMs: 700 })).rejects.toThrow();
    const bullmq = workers[0]?.getBackend();
    if (bullmq === undefined) throw new Error('there is no worker');
    const thaw = Promise.withResolvers<never[]>();
    bullmq.moveToActive = async () => thaw.promise;
    await test.add('http-delivery', { url: 'http://127.0.0.1:1/' });
    await untilStatus(get, 'down');
    expect(await redis.command('PING')).toBe('PONG');
    await until(get, '/health', 503, { stuck: ['http-delivery'], redis: { queue: { available: true } } });
    await until(get, '/health/ready', 503);
    await until(get, '/health/live', 503, { status: 'down', stuck: ['http-delivery'] });
    expect(test.log.join('\n')).toContain('jobs wait, and the worker does not ask for them');
    thaw.resolve([]);
  });

  it('is down while Redis is away and fallback is off', async () => {
    const { test, get } = await start({ enableFallback: false });
    await test.worker.start();
    await untilStatus(get, 'ok');
    await redis.kill();
    await untilStatus(get, 'down');
    await until(get, '/health/ready', 503);
    expect((await get('/health/live')).status).toBe(200);
  });
});
