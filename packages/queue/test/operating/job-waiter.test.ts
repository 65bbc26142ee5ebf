import { eventually, Latch, monitor, startRedis, type RedisServer } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues, type QueueBackend } from '../../src/index.ts';

const definition = defineQueue({
  name: 'waited-for',
  description: 'For the tests of waiting.',
  payload: Type.Object({}),
  attempts: 1,
  timeoutMs: 10_000,
  retention: { completed: {}, failed: {} },
  concurrency: 1,
});

describe('whoever waits for a job', () => {
  let redis: RedisServer;
  const closers: (() => Promise<unknown>)[] = [];
  beforeEach(async () => {
    redis = await startRedis();
    closers.push(async () => redis.stop());
  });
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });

  const open = (): QueueBackend => {
    const backend = createRedisBackend({ target: { kind: 'standalone', host: redis.host, port: redis.port } });
    closers.push(async () => backend.close());
    return backend;
  };

  it('is not answered by the end of an earlier run of it', async () => {
    const backend = open();
    const queues = new Queues({ backend, definitions: [definition] });
    closers.push(async () => queues.close());
    const { id } = await queues.add('waited-for', { data: {} });
    const waited = queues.get('waited-for', id, { waitMs: 30_000 });
    await eventually(async () => expect(String(await redis.command('CLIENT', 'LIST'))).toContain('cmd=xread'));
    // As it comes from a run that failed just before somebody had the job tried again.
    const stream = `${backend.prefixOf('waited-for')}:waited-for:events`;
    await redis.command('XADD', stream, '*', 'event', 'failed', 'jobId', id, 'failedReason', 'E: x', 'prev', 'active');

    const started = new Latch();
    const mayEnd = new Latch();
    const consumer = new Consumer({
      backend: open(),
      definition,
      handler: async () => {
        started.open();
        await mayEnd.wait();
        return 'now';
      },
    });
    closers.push(async () => consumer.close({ timeoutMs: 2000 }));
    await consumer.start();
    await started.wait();
    mayEnd.open();
    expect(await waited).toMatchObject({ state: 'completed', result: 'now' });
  });

  it('costs two reads of the job, however long it takes; between them many share a look at it', async () => {
    const backend = open();
    const queues = new Queues({ backend, definitions: [definition] });
    closers.push(async () => queues.close());
    const ids = await Promise.all(
      Array.from({ length: 300 }, async () => (await queues.add('waited-for', { data: {} })).id),
    );
    const [first = ''] = ids;
    const key = `${backend.prefixOf('waited-for')}:waited-for:${first}`;
    const watch = await monitor(redis.url);
    closers.push(async () => watch.stop());
    const wholeReads = (): number =>
      watch.scriptCommands().filter(([name]) => name?.toUpperCase() === 'HGETALL').length;
    const scripts = (): number => watch.count('evalsha') + watch.count('eval');

    const leaving = new AbortController();
    const waits = ids.map(async (id) => queues.get('waited-for', id, { waitMs: 30_000, signal: leaving.signal }));
    await eventually(() => expect(wholeReads()).toBe(ids.length));
    await eventually(async () => expect(String(await redis.command('CLIENT', 'LIST'))).toContain('cmd=xread'));
    await watch.settle();
    watch.reset();
    const looks = vi.spyOn(backend.open('waited-for').jobs, 'look');
    await eventually(() => expect(looks.mock.settledResults.length).toBeGreaterThanOrEqual(6));
    await watch.settle();
    // 120 jobs a command; nobody asked for his job alone.
    expect(looks.mock.calls.map(([each]) => each.length).slice(0, 3)).toEqual([120, 120, 60]);
    expect([wholeReads(), scripts()]).toEqual([0, looks.mock.calls.length]);
    await redis.command('HSET', key, 'progress', '7');
    leaving.abort();
    expect((await Promise.all(waits))[0]).toMatchObject({ state: 'prioritized', progress: 7 });
    await watch.settle();
    expect(wholeReads()).toBe(ids.length);
  });

  it('asks for nothing once nobody waits', async () => {
    const backend = open();
    const queues = new Queues({ backend, definitions: [definition] });
    closers.push(async () => queues.close());
    const { id } = await queues.add('waited-for', { data: {} });
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    closers.push(async () => void vi.useRealTimers());
    const leaving = new AbortController();
    const waited = queues.get('waited-for', id, { waitMs: 30_000, signal: leaving.signal });
    await eventually(async () => expect(String(await redis.command('CLIENT', 'LIST'))).toContain('cmd=xread'));
    const looks = vi.spyOn(backend.open('waited-for').jobs, 'look');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(looks.mock.calls.length).toBeGreaterThanOrEqual(1);
    leaving.abort();
    await waited;
    looks.mockClear();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(looks).not.toHaveBeenCalled();
  });
});
