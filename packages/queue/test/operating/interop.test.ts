import { Queue, QueueEvents, UnrecoverableError, Worker } from 'bullmq';
import { eventually, uniquePrefix, useRedis } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues } from '../../src/index.ts';

const { host, port, db } = useRedis();
const names = ['consumed', 'retried', 'produced', 'foreign', 'watched', 'heard', 'managed'];
const definitions = names.map((name) =>
  defineQueue({
    name,
    description: `For the test of ${name}.`,
    payload: Type.Object({ n: Type.Integer() }, { additionalProperties: false }),
    attempts: 3,
    backoff: { type: 'exponential', delayMs: 20, maxDelayMs: 100 },
    timeoutMs: 10_000,
    concurrency: 5,
    retention: { completed: {}, failed: {} },
  }),
);

/** All that another program knows is the address of the Redis and the prefix that the documents name. */
describe('beside other programs that use BullMQ', () => {
  const keyPrefix = uniquePrefix('interop');
  const backend = createRedisBackend({ target: { kind: 'standalone', host, port, db }, keyPrefix });
  const queues = new Queues({ backend, definitions });
  const others: { close(): Promise<unknown> }[] = [];
  afterEach(async () => {
    await Promise.all(others.splice(0).map(async (other) => other.close()));
  });
  afterAll(() => queues.close());

  const documented = (queue: string) => ({
    connection: { host, port, db, maxRetriesPerRequest: null },
    prefix: `${keyPrefix}:{${queue}}`,
  });
  const plainWorker = (queue: string, processor: ConstructorParameters<typeof Worker>[1]): void => {
    others.push(new Worker(queue, processor, documented(queue)));
  };
  const plainQueue = (queue: string): Queue => {
    const plain = new Queue(queue, documented(queue));
    others.push(plain);
    return plain;
  };
  const consume = async (queue: string, handler: ConstructorParameters<typeof Consumer>[0]['handler']) => {
    const consumer = new Consumer({ backend, definition: queues.definition(queue), handler });
    others.push({ close: async () => consumer.close({ timeoutMs: 3000 }) });
    await consumer.start();
  };

  it('names the prefix in the summary of a queue', async () => {
    expect((await queues.summary('consumed')).prefix).toBe(documented('consumed').prefix);
  });

  it('lets a plain worker run our jobs, with their priority, and sees the result', async () => {
    const seen: unknown[] = [];
    await queues.add('consumed', { data: { n: 2 }, options: { jobId: 'low', priority: 'low' } });
    await queues.add('consumed', { name: 'greet', data: { n: 1 }, options: { jobId: 'high', priority: 'high' } });
    plainWorker('consumed', async (job) => {
      seen.push([job.id, job.name, job.data]);
      await job.updateProgress(50);
      await job.log('by another program');
      return { n: (job.data as { n: number }).n };
    });
    expect(await queues.get('consumed', 'low', { waitMs: 30_000 })).toMatchObject({
      state: 'completed',
      result: { n: 2 },
      progress: 50,
      logs: ['by another program'],
    });
    expect(seen).toEqual([
      ['high', 'greet', { n: 1 }],
      ['low', 'consumed', { n: 2 }],
    ]);
  });

  it('lets a plain worker retry our jobs by the policy of the queue, and give up', async () => {
    let attempts = 0;
    plainWorker('retried', async () => {
      attempts += 1;
      throw attempts < 3 ? new Error('again') : new UnrecoverableError('never');
    });
    const { id } = await queues.add('retried', { data: { n: 1 } });
    expect(await queues.get('retried', id, { waitMs: 30_000 })).toMatchObject({
      state: 'failed',
      attemptsMade: 3,
      error: { code: 'JOB_FAILED', message: 'never' },
    });
    const { jobs } = await queues.deadLetters('retried');
    expect(jobs).toMatchObject([{ id, error: { message: 'never' } }]);
  });

  it('runs the jobs of a plain producer, with its own options', async () => {
    const seen: unknown[] = [];
    await consume('produced', async (job) => {
      seen.push([job.name, job.data, job.attempt]);
      if (job.name === 'shaky' && job.attempt === 1) throw new Error('once more');
      return 'done';
    });
    const plain = plainQueue('produced');
    await plain.add('bare', { n: 1 });
    await plain.add('shaky', { n: 2 }, { attempts: 2, backoff: { type: 'fixed', delay: 10 }, jobId: 'custom' });
    expect(await queues.get('produced', 'custom', { waitMs: 30_000 })).toMatchObject({ state: 'completed' });
    await eventually(() =>
      expect(seen).toEqual(
        expect.arrayContaining([
          ['bare', { n: 1 }, 1],
          ['shaky', { n: 2 }, 1],
          ['shaky', { n: 2 }, 2],
        ]),
      ),
    );
  });

  it('lists, promotes and removes the jobs of a plain producer', async () => {
    const plain = plainQueue('managed');
    const waits = await plain.add('waits', { n: 1 });
    await plain.add('delayed', { n: 2 }, { delay: 60_000, jobId: 'later' });
    expect((await queues.admin.list('managed')).jobs).toMatchObject([
      { id: waits.id, state: 'waiting' },
      { id: 'later', state: 'delayed' },
    ]);
    expect(await queues.admin.promote('managed', 'later')).toBe(true);
    expect(await queues.admin.remove('managed', waits.id ?? '')).toBe(true);
    expect(await plain.getJobCounts('wait', 'delayed')).toEqual({ wait: 1, delayed: 0 });
  });

  it('tells of what a plain worker does as it happens', async () => {
    const { id } = await queues.add('watched', { data: { n: 1 } });
    const events = await queues.admin.watch('watched', id, { signal: AbortSignal.timeout(60_000) });
    plainWorker('watched', async (job) => {
      await job.updateProgress({ at: 1 });
      return 'end';
    });
    const types: string[] = [];
    for await (const { type } of events ?? []) if (type !== 'heartbeat') types.push(type);
    expect(types).toEqual(['state', 'state', 'progress', 'completed']);
  });

  it('is heard by the QueueEvents of another program', async () => {
    // From the beginning on: what it hears otherwise begins with its first question, which it may send after it is ready.
    const heard = new QueueEvents('heard', { ...documented('heard'), lastEventId: '0' });
    others.push(heard);
    await heard.waitUntilReady();
    const ended = new Promise((resolve) => heard.once('completed', resolve));
    const added = new Promise((resolve) => heard.once('waiting', resolve));
    const { id } = await queues.add('heard', { data: { n: 1 } });
    expect(await added).toMatchObject({ jobId: id });
    await consume('heard', async () => ({ ok: true }));
    expect(await ended).toMatchObject({ jobId: id, returnvalue: { ok: true } });
  });
});
