import { eventually, Latch, monitor, startRedis, type RedisServer } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

  it('asks for its state alone while it goes on, and reads it once more when the wait is over', async () => {
    const backend = open();
    const queues = new Queues({ backend, definitions: [definition] });
    closers.push(async () => queues.close());
    const { id } = await queues.add('waited-for', { data: {} });
    const key = `${backend.prefixOf('waited-for')}:waited-for:${id}`;
    const watch = await monitor(redis.url);
    closers.push(async () => watch.stop());
    const wholeReads = (): number =>
      watch.scriptCommands().filter(([name]) => name?.toUpperCase() === 'HGETALL').length;
    // Whichever script looks for the job in the states, looks for it among the completed.
    const looks = (): number => watch.scriptCommands().filter(([, state]) => state?.endsWith(':completed')).length;

    const leaving = new AbortController();
    const waited = queues.get('waited-for', id, { waitMs: 30_000, signal: leaving.signal });
    await eventually(() => expect(looks()).toBeGreaterThanOrEqual(4));
    expect(wholeReads()).toBe(1);
    await redis.command('HSET', key, 'progress', '7');
    leaving.abort();
    expect(await waited).toMatchObject({ state: 'prioritized', progress: 7 });
    await watch.settle();
    expect(wholeReads()).toBe(2);
  });
});
