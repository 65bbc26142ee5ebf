import { Latch, eventually, startRedis, startReceiver, type Receiver } from '@holdfast/testing';
import { startUpstream } from '@holdfast/example-upstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestWorker } from './fixture.ts';
import type { Backend, TestWorker } from './fixture.ts';

let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(async () => receiver.close());

describe('which queues a worker serves', () => {
  it('all of them, unless WORKER_QUEUES names some', async () => {
    const all = await createTestWorker();
    const one = await createTestWorker({ env: { WORKER_QUEUES: 'http-delivery' } });
    expect(Object.keys(all.worker.status()).sort()).toEqual(['http-delivery', 'source-sync']);
    expect(Object.keys(one.worker.status())).toEqual(['http-delivery']);
    await Promise.all([all.close(), one.close()]);
  });

  it('leaves the jobs of the others, and their schedules, to others', async () => {
    const upstream = await startUpstream({ latencyMs: 0 });
    const test = await createTestWorker({
      env: { WORKER_QUEUES: 'http-delivery', NOVITA_API_BASE_URL: upstream.url },
    });
    await test.worker.start();
    const left = await test.add('source-sync', { source: 'products' });
    expect(await test.run('http-delivery', { url: receiver.url })).toMatchObject({ state: 'completed' });
    expect(await test.runtime.parts.queues.queues.get('source-sync', left)).toMatchObject({ state: 'prioritized' });
    expect((await test.runtime.parts.queues.queues.summary('source-sync')).counts).toMatchObject({
      prioritized: 1,
      delayed: 0,
    });
    await test.close();
    await upstream.close();
  });

  it('runs no more at once than MAX_CONCURRENT_JOBS', async () => {
    const env = { MAX_CONCURRENT_JOBS: '2', WORKER_QUEUES: 'http-delivery' };
    const test = await createTestWorker({ env });
    const [two, door] = [new Latch(2), new Latch()];
    receiver.reset();
    receiver.answer = (_request, response) => {
      two.open();
      void door.wait().then(() => response.writeHead(204).end());
    };
    const ids = await Promise.all([1, 2, 3, 4].map(async () => test.add('http-delivery', { url: receiver.url })));
    await test.worker.start();
    await two.wait();
    expect(test.worker.status()['http-delivery']).toMatchObject({ running: true, active: 2 });
    expect((await test.runtime.parts.queues.queues.summary('http-delivery')).counts).toMatchObject({
      active: 2,
      prioritized: 2,
    });
    door.open();
    for (const id of ids) expect(await test.ended('http-delivery', id)).toMatchObject({ state: 'completed' });
    await test.close();
  });
});

describe('schedules', () => {
  it('are installed, one a source, and not twice by two workers', async () => {
    const upstream = await startUpstream({ latencyMs: 0 });
    const env = { NOVITA_API_BASE_URL: upstream.url, REDIS_KEY_PREFIX: `schedules-${process.pid}-${Date.now()}` };
    const tests = await Promise.all([createTestWorker({ env }), createTestWorker({ env })]);
    await Promise.all(tests.map(async ({ worker }) => worker.start()));
    const [first] = tests;
    await first.ended('source-sync', 'start.instances');
    await first.ended('source-sync', 'start.products');
    await eventually(async () => {
      expect((await first.runtime.parts.queues.queues.summary('source-sync')).counts).toMatchObject({
        delayed: 2,
        active: 0,
      });
    });
    await Promise.all(tests.map(async (test) => test.close()));
    await upstream.close();
  });

  it('are left alone, with a warning, where there is no upstream', async () => {
    const test = await createTestWorker();
    await test.worker.start();
    expect(test.log.join('\n')).toContain('NOVITA_API_BASE_URL is not set');
    expect((await test.runtime.parts.queues.queues.summary('source-sync')).counts).toMatchObject({
      delayed: 0,
      prioritized: 0,
    });
    await test.close();
  });

  it('are installed as soon as Redis appears, and the jobs at start run then', async () => {
    const redis = await startRedis();
    await redis.kill();
    const upstream = await startUpstream({ latencyMs: 0 });
    const test = await createTestWorker({
      env: { NOVITA_API_BASE_URL: upstream.url, REDIS_URL: redis.url, REDIS_COMMAND_TIMEOUT_MS: '1000' },
    });
    await test.worker.start();
    await eventually(() => expect(test.runtime.parts.queues.backend.status.fault).toBe('refused'));
    await redis.start();
    await eventually(async () => {
      const job = await test.runtime.parts.queues.queues.get('source-sync', 'start.instances');
      expect(job).toMatchObject({ state: 'completed' });
      expect((await test.runtime.parts.queues.queues.summary('source-sync')).counts).toMatchObject({ delayed: 2 });
    });
    await test.close();
    await upstream.close();
    await redis.stop();
  });
});

// Once a Redis without persistence was restarted, nothing was synced until a worker was.
describe('a Redis that comes back empty', () => {
  const count = async (test: TestWorker): Promise<number> =>
    (await test.runtime.parts.sources.sources.get('products').state()).items;
  const schedules = async (test: TestWorker): Promise<number> =>
    (await test.runtime.parts.queues.queues.summary('source-sync')).counts.delayed;

  async function start(env: Readonly<Record<string, string>>): Promise<TestWorker> {
    const test = await createTestWorker({ env: { REDIS_COMMAND_TIMEOUT_MS: '1000', ...env } });
    await test.worker.start();
    await test.ended('source-sync', 'start.products');
    await test.ended('source-sync', 'start.instances');
    await eventually(async () => expect(await schedules(test)).toBe(2));
    return test;
  }

  it('gets its mirrors back, and its schedules, also where it was emptied and all connections stayed', async () => {
    const [cache, queue] = [await startRedis(), await startRedis()];
    const upstream = await startUpstream({ latencyMs: 0 });
    const urls = { REDIS_URL: cache.url, QUEUE_REDIS_URL: queue.url };
    const test = await start({ NOVITA_API_BASE_URL: upstream.url, ...urls });
    const before = await count(test);
    await cache.command('FLUSHALL');
    expect(await count(test)).toBe(0);
    await eventually(async () => expect(await count(test)).toBe(before));
    await queue.command('FLUSHALL');
    expect(await schedules(test)).toBe(0);
    await eventually(async () => expect(await schedules(test)).toBe(2));
    expect(test.log.join('\n')).toContain('was emptied');
    const { backend } = test.runtime.parts.queues;
    expect(backend.status.emptiedAt).toBeGreaterThan(Date.now() - 600_000);
    await test.close();
    await upstream.close();
    await Promise.all([cache.stop(), queue.stop()]);
  });

  it('gets its schedules and its mirrors back, without a restart of the worker', async () => {
    const [redis, upstream] = [await startRedis(), await startUpstream({ latencyMs: 0 })];
    const test = await start({ NOVITA_API_BASE_URL: upstream.url, REDIS_URL: redis.url });
    await redis.command('SET', 'before', 'x');
    await redis.restart();
    expect(await redis.command('GET', 'before')).toBeNull();
    await eventually(async () => {
      expect(await count(test)).toBeGreaterThan(0);
      // One sync each, though both the queue and the cache came back.
      const { counts } = await test.runtime.parts.queues.queues.summary('source-sync');
      expect(counts).toMatchObject({ completed: 2, prioritized: 0, active: 0, delayed: 2 });
    });
    await test.close();
    await Promise.all([redis.stop(), upstream.close()]);
  });

  it('gets its mirrors back when it is the one of the cache alone', async () => {
    const [cache, queue, upstream] = [await startRedis(), await startRedis(), await startUpstream({ latencyMs: 0 })];
    const urls = { REDIS_URL: cache.url, QUEUE_REDIS_URL: queue.url };
    const test = await start({ NOVITA_API_BASE_URL: upstream.url, ...urls });
    await cache.restart();
    await eventually(async () => expect(await count(test)).toBeGreaterThan(0));
    expect(await schedules(test)).toBe(2);
    await test.close();
    await Promise.all([cache.stop(), queue.stop(), upstream.close()]);
  });

  it('is not synced for nothing when it has kept its data', async () => {
    const [redis, upstream] = [
      await startRedis({ args: ['--appendonly', 'yes'] }),
      await startUpstream({ latencyMs: 0 }),
    ];
    const test = await start({ NOVITA_API_BASE_URL: upstream.url, REDIS_URL: redis.url });
    const restored = new Latch();
    const { queues } = test.runtime.parts.queues;
    const ensureSchedules = queues.ensureSchedules.bind(queues);
    queues.ensureSchedules = async (entries) => {
      const ensured = await ensureSchedules(entries);
      restored.open();
      return ensured;
    };
    await redis.restart();
    await restored.wait();
    expect((await queues.summary('source-sync')).counts).toMatchObject({ completed: 2, prioritized: 0, delayed: 2 });
    await test.close();
    await Promise.all([redis.stop(), upstream.close()]);
  });
});

describe.each<Backend>(['redis', 'embedded'])('closing on the %s queue', (backend) => {
  it('lets the jobs that run end, and takes no more', async () => {
    const test = await createTestWorker({ backend, env: { WORKER_QUEUES: 'http-delivery', MAX_CONCURRENT_JOBS: '1' } });
    const [arrived, door] = [new Latch(), new Latch()];
    receiver.reset();
    receiver.answer = (_request, response) => {
      arrived.open();
      void door.wait().then(() => response.writeHead(204).end());
    };
    const running = await test.add('http-delivery', { url: receiver.url });
    await test.worker.start();
    await arrived.wait();
    const waiting = await test.add('http-delivery', { url: receiver.url });
    const closed = test.worker.close({ timeoutMs: 60_000 });
    door.open();
    await closed;
    expect(await test.runtime.parts.queues.queues.get('http-delivery', running)).toMatchObject({ state: 'completed' });
    expect(await test.runtime.parts.queues.queues.get('http-delivery', waiting)).toMatchObject({
      state: 'prioritized',
    });
    expect(receiver.received).toHaveLength(1);
    await test.close();
  });

  it('hands back what does not end in time: it waits again, and has lost no attempt', async () => {
    const test = await createTestWorker({ backend, env: { WORKER_QUEUES: 'http-delivery' } });
    const arrived = new Latch();
    receiver.reset();
    receiver.answer = arrived.open;
    const id = await test.add('http-delivery', { url: receiver.url, failureUrl: `${receiver.url}/failed` });
    await test.worker.start();
    await arrived.wait();
    await test.worker.close({ timeoutMs: 1500 });
    await eventually(async () =>
      expect(await test.runtime.parts.queues.queues.get('http-delivery', id)).toMatchObject({
        state: expect.stringMatching(/^(waiting|prioritized)$/),
        attemptsMade: 0,
      }),
    );
    expect(receiver.received.map(({ path }) => path)).toEqual(['/']);
    await test.close();
  });
});

describe('closing while Redis is away', () => {
  it.each(['killed', 'frozen'])('does not wait for it: %s', async (how) => {
    const redis = await startRedis();
    const upstream = await startUpstream({ latencyMs: 0 });
    const env = { REDIS_URL: redis.url, NOVITA_API_BASE_URL: upstream.url };
    const test = await createTestWorker({ env });
    if (how === 'frozen') {
      redis.pause();
      await test.worker.start();
    } else {
      await test.worker.start();
      await test.ended('source-sync', 'start.products');
      await redis.kill();
    }
    await test.worker.close({ timeoutMs: 2000 });
    if (how === 'frozen') redis.resume();
    await test.runtime.close();
    await redis.stop();
    await upstream.close();
  });
});
