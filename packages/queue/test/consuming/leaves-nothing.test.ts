import { heapGrowth, uniquePrefix, useRedis } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Permits, Queues, type Handler } from '../../src/index.ts';

const { host, port, db } = useRedis();
const definition = defineQueue({
  name: 'many',
  description: 'Runs many jobs.',
  payload: Type.Object({}),
  attempts: 1,
  // What is kept until this is over is kept for as long.
  timeoutMs: 86_400_000,
  concurrency: 10,
  retention: { completed: { count: 10 }, failed: { count: 10 } },
});

describe('a job that has ended', () => {
  const backend = createRedisBackend({
    target: { kind: 'standalone', host, port, db: db ?? 0 },
    keyPrefix: uniquePrefix('heap'),
  });
  const queues = new Queues({ backend, definitions: [definition] });
  const ended = new Map<string, () => void>();
  const handler: Handler = async ({ id, signal }) => {
    signal.addEventListener('abort', () => undefined, { once: true });
    ended.get(id)?.();
    ended.delete(id);
  };
  // It waits for permits now and then.
  const consumer = new Consumer({ backend, definition, handler, permits: new Permits(3) });
  afterAll(async () => {
    await consumer.close({ timeoutMs: 3000 });
    await queues.close();
  });

  it('leaves nothing behind in the process that added it, nor in the one that ran it', async () => {
    await consumer.start();
    const left = await heapGrowth(async (n) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      ended.set(`job-${n}`, resolve);
      await queues.add('many', { data: {}, options: { jobId: `job-${n}` } });
      await promise;
    });
    expect(left.signals).toBeLessThan(0.1);
    expect(left.timers).toBeLessThan(0.1);
    expect(left.objects).toBeLessThan(0.5);
  }, 120_000);

  it('leaves nothing behind of those who waited for it', async () => {
    const stays = new AbortController().signal;
    const left = await heapGrowth(
      async (n) => {
        const { id } = await queues.add('many', { data: {}, options: { jobId: `waited-${n}` } });
        await queues.get('many', id, { waitMs: 20_000, signal: stays });
      },
      // The net under the events of the last ones.
      { settleMs: 500 },
    );
    expect(left.signals).toBeLessThan(0.1);
    expect(left.timers).toBeLessThan(0.1);
    expect(left.objects).toBeLessThan(0.5);
  }, 120_000);
});
