import { eventually, Latch, uniquePrefix, useRedis } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, PermanentError, Queues, RetryLaterError } from '../../src/index.ts';
import type { GivenUpJob, Handler, OnGivenUp, QueueBackend } from '../../src/index.ts';

const names = ['told', 'throwing', 'retried', 'handed', 'later', 'soon'];
const definitions = names.map((name) =>
  defineQueue({
    name,
    description: `For the test of jobs that are given up: ${name}.`,
    payload: Type.Object({}, { additionalProperties: true }),
    attempts: 2,
    ...(name === 'later' && { backoff: { type: 'fixed', delayMs: 3_600_000 } }),
    timeoutMs: 10_000,
    concurrency: 5,
    retention: { completed: {}, failed: {} },
  }),
);

let backend: QueueBackend;
let queues: Queues;
const consumers: Consumer[] = [];
beforeAll(() => {
  const { host, port } = useRedis();
  backend = createRedisBackend({ target: { kind: 'standalone', host, port }, keyPrefix: uniquePrefix('jobs') });
  queues = new Queues({ backend, definitions });
});
afterEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.close({ timeoutMs: 3000 })));
});
afterAll(async () => queues.close());

const consume = async (queue: string, handler: Handler, onGivenUp?: OnGivenUp): Promise<Consumer> => {
  const definition = queues.definition(queue);
  const consumer = new Consumer({ backend, definition, handler, ...(onGivenUp !== undefined && { onGivenUp }) });
  consumers.push(consumer);
  await consumer.start();
  return consumer;
};

describe('a job that is given up', () => {
  it('is told of once, after its last attempt and before it is recorded as failed', async () => {
    const told: GivenUpJob[] = [];
    const seen = new Latch();
    const go = new Latch();
    await consume(
      'told',
      async () => {
        throw Object.assign(new Error('No.'), { code: 'NOPE' });
      },
      async (job) => {
        told.push(job);
        seen.open();
        await go.wait();
      },
    );
    const { id } = await queues.add('told', { name: 'letter', data: { to: 'ada' } });
    await seen.wait();
    expect(told).toEqual([
      {
        id,
        queue: 'told',
        name: 'letter',
        data: { to: 'ada' },
        attempts: 2,
        error: { code: 'NOPE', message: 'No.' },
        redriven: 0,
      },
    ]);
    expect(await queues.get('told', id)).toMatchObject({ state: 'active' });
    go.open();
    expect(await queues.get('told', id, { waitMs: 30_000 })).toMatchObject({ state: 'failed', attemptsMade: 2 });
    expect(told).toHaveLength(1);

    // Another failure, which can be told from the first.
    await queues.redrive('told');
    await eventually(() => expect(told.map(({ redriven }) => redriven)).toEqual([0, 1]));
    await eventually(async () => expect((await queues.summary('told')).counts.failed).toBe(1));
    await queues.redrive('told', { ids: [id] });
    await eventually(() => expect(told.map(({ redriven }) => redriven)).toEqual([0, 1, 2]));
  });

  it('fails all the same when telling fails', async () => {
    await consume(
      'throwing',
      async () => {
        throw new PermanentError('Never.');
      },
      async () => {
        throw new Error('nobody listens');
      },
    );
    const { id } = await queues.add('throwing', { data: {} });
    expect(await queues.get('throwing', id, { waitMs: 30_000 })).toMatchObject({
      state: 'failed',
      error: { message: 'Never.' },
    });
  });

  it('is not one that is tried again, or handed back by a worker that stops', async () => {
    const told: string[] = [];
    let attempts = 0;
    await consume(
      'retried',
      async () => {
        attempts += 1;
        if (attempts === 1) throw new Error('Once more.');
      },
      async ({ id }) => void told.push(id),
    );
    const { id } = await queues.add('retried', { data: {} });
    expect(await queues.get('retried', id, { waitMs: 30_000 })).toMatchObject({ state: 'completed' });

    const started = new Latch();
    const consumer = await consume(
      'handed',
      async ({ signal }) => {
        started.open();
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      },
      async (job) => void told.push(job.id),
    );
    await queues.add('handed', { data: {}, options: { attempts: 1 } });
    await started.wait();
    await consumer.close({ timeoutMs: 1500 });
    await eventually(async () =>
      expect((await queues.summary('handed')).counts).toMatchObject({ failed: 0, active: 0, prioritized: 1 }),
    );
    expect(told).toEqual([]);
  });
});

describe('a handler that knows when the next attempt makes sense', () => {
  it.each<[string, string]>([
    ['in place of a long back-off', 'later'],
    ['where there is no back-off', 'soon'],
  ])('has it then: %s', async (_what, queue) => {
    const times: number[] = [];
    await consume(queue, async () => {
      times.push(Date.now());
      if (times.length === 1) throw new RetryLaterError('Not now.', { delayMs: 1500, code: 'BUSY' });
    });
    const { id } = await queues.add(queue, { data: {} });
    await eventually(async () =>
      expect(await queues.get(queue, id)).toMatchObject({ state: 'delayed', error: { code: 'BUSY' } }),
    );
    expect(await queues.get(queue, id, { waitMs: 30_000 })).toMatchObject({ state: 'completed', attemptsMade: 2 });
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(1500);
  });
});
