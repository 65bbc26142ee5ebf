import { eventually, startCluster, uniquePrefix, useRedis } from '@holdfast/testing';
import { Queue, UnrecoverableError, Worker, type Processor } from 'bullmq';
import { Type } from 'typebox';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import {
  Consumer,
  createRedisBackend,
  defineQueue,
  Queues,
  RetryLaterError,
  type Handler,
  type QueueDefinition,
} from '../../src/index.ts';

const { host, port, db } = useRedis();
const target = { kind: 'standalone', host, port, db: db ?? 0 } as const;

const definitionOf = (name: string, more: Partial<QueueDefinition> = {}): QueueDefinition =>
  defineQueue({
    name,
    description: `For the test of ${name}.`,
    payload: Type.Object({ n: Type.Integer() }, { additionalProperties: false }),
    attempts: 3,
    backoff: { type: 'fixed', delayMs: 10 },
    timeoutMs: 10_000,
    concurrency: 2,
    retention: { completed: { count: 2 }, failed: {} },
    ...more,
  });
const names = ['waits', 'ended', 'returned', 'shared', 'scheduled', 'later', 'earlier'];
const definitions = names.map((name) => definitionOf(name));

/** A keyspace that a program with BullMQ alone has made: all that is known of it is its prefix. */
describe('queues of a program with BullMQ alone', () => {
  const prefix = uniquePrefix('bull');
  const backend = createRedisBackend({ target, prefix });
  const queues = new Queues({ backend, definitions });
  const others: { close(): Promise<unknown> }[] = [];
  const settings = { connection: { host, port, db: db ?? 0, maxRetriesPerRequest: null }, prefix };
  afterEach(async () => {
    await Promise.all(others.splice(0).map(async (other) => other.close()));
  });
  afterAll(() => queues.close());

  const plainQueue = (name: string): Queue => {
    const queue = new Queue(name, settings);
    others.push(queue);
    return queue;
  };
  const plainWorker = (name: string, processor: Processor): Worker => {
    const worker = new Worker(name, processor, settings);
    others.push(worker);
    return worker;
  };
  const consume = async (name: string, handler: Handler): Promise<void> => {
    const consumer = new Consumer({ backend, definition: queues.definition(name), handler });
    others.push({ close: async () => consumer.close({ timeoutMs: 3000 }) });
    await consumer.start();
  };

  it('are adopted with what waits in them, in its order, and with what is delayed', async () => {
    const plain = plainQueue('waits');
    await plain.add('first', { n: 1 });
    await plain.add('second', { n: 2 });
    await plain.add('urgent', { n: 3 }, { priority: 1 });
    await plain.add('delayed', { n: 4 }, { delay: 500 });
    expect(await queues.summary('waits')).toMatchObject({
      prefix,
      counts: { waiting: 2, prioritized: 1, delayed: 1 },
    });
    expect((await queues.admin.list('waits')).jobs.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['first', 'second', 'urgent', 'delayed']),
    );
    const ran: string[] = [];
    await consume('waits', async (job) => void ran.push(job.name));
    await eventually(() => expect(ran).toHaveLength(4));
    // Without a priority goes before all others; ours have one. On a busy machine the delayed one is due before the consumer runs.
    expect(ran.filter((name) => name !== 'delayed')).toEqual(['first', 'second', 'urgent']);
  });

  it('are adopted with what has ended: results are read, and what failed is a dead letter to redrive', async () => {
    const plain = plainQueue('ended');
    const worker = plainWorker('ended', async (job) => {
      if (job.name === 'bad') throw new UnrecoverableError('not like this');
      return { doubled: (job.data as { n: number }).n * 2 };
    });
    const good = await plain.add('good', { n: 2 });
    const bad = await plain.add('bad', { n: 3 });
    await eventually(async () =>
      expect(await plain.getJobCounts('completed', 'failed')).toEqual({ completed: 1, failed: 1 }),
    );
    await worker.close();
    expect(await queues.get('ended', good.id ?? '')).toMatchObject({ state: 'completed', result: { doubled: 4 } });
    const { jobs } = await queues.deadLetters('ended');
    expect(jobs).toMatchObject([{ id: bad.id, error: { message: 'not like this' } }]);
    expect(await queues.redrive('ended')).toMatchObject({ redriven: 1 });
    await consume('ended', async () => 'well');
    expect(await queues.get('ended', bad.id ?? '', { waitMs: 10_000 })).toMatchObject({ state: 'completed' });
  });

  it('hand their jobs over both ways: a plain worker runs ours, retries by their policy and keeps as many', async () => {
    const tries: string[] = [];
    plainWorker('returned', async (job) => {
      tries.push(job.id ?? '');
      if (job.id === 'shaky' && job.attemptsMade === 0) throw new Error('once more');
      return 'by another program';
    });
    await queues.add('returned', { data: { n: 1 }, options: { jobId: 'shaky' } });
    expect(await queues.get('returned', 'shaky', { waitMs: 10_000 })).toMatchObject({
      state: 'completed',
      result: 'by another program',
      attemptsMade: 2,
    });
    expect(tries).toEqual(['shaky', 'shaky']);
    for (const n of [1, 2, 3]) await queues.add('returned', { data: { n } });
    await eventually(async () => expect((await queues.summary('returned')).counts).toMatchObject({ completed: 2 }));
  });

  it('are worked on by both at once: each job once, and each leaves alone what the other runs', async () => {
    const ran: string[] = [];
    const held = Promise.withResolvers<void>();
    plainWorker('shared', async (job) => {
      ran.push(job.id ?? '');
      await held.promise;
    });
    const plain = plainQueue('shared');
    const first = await plain.add('theirs', { n: 0 });
    await eventually(() => expect(ran).toHaveLength(1));
    await consume('shared', async (job) => void ran.push(job.id));
    const added = await queues.addMany(
      'shared',
      Array.from({ length: 20 }, (_, n) => ({ data: { n } })),
    );
    // The plain worker holds its first: all others are run by ours.
    await eventually(() => expect(ran).toHaveLength(21));
    expect(await queues.get('shared', first.id ?? '')).toMatchObject({ state: 'active' });
    // Only workers of Holdfast say that they are there.
    expect(await queues.summary('shared')).toMatchObject({ workers: 1, counts: { active: 1 } });
    held.resolve();
    await eventually(async () => expect((await queues.summary('shared')).counts).toMatchObject({ active: 0 }));
    expect(new Set(ran)).toEqual(new Set([first.id, ...added.items.map(({ id }) => id)]));
    expect(ran).toHaveLength(21);
  });

  it('are adopted with their schedules, which go on', async () => {
    const plain = plainQueue('scheduled');
    await plain.upsertJobScheduler('often', { every: 1000 }, { name: 'tick', data: { n: 1 } });
    expect(await queues.schedules.list('scheduled')).toMatchObject([{ id: 'often', everyMs: 1000 }]);
    const ran: string[] = [];
    await consume('scheduled', async (job) => void ran.push(job.name));
    await eventually(() => expect(ran.length).toBeGreaterThanOrEqual(2));
    expect(await queues.schedules.remove('scheduled', 'often')).toBe(true);
  });

  it('have their waits kept, and RetryLaterError means what it says for their jobs too', async () => {
    const starts: number[] = [];
    await consume('later', async (job) => {
      starts.push(performance.now());
      // Without it the next attempt would come in an hour.
      if (job.attempt === 1) throw new RetryLaterError('soon', { delayMs: 50 });
    });
    const backoff = { type: 'fixed', delay: 3_600_000 };
    await plainQueue('later').add('theirs', { n: 1 }, { attempts: 3, backoff, jobId: 'theirs' });
    expect(await queues.get('later', 'theirs', { waitMs: 10_000 })).toMatchObject({ state: 'completed' });
    expect(starts).toHaveLength(2);
  });

  it('run what an earlier version of ours stored as it was to be run', async () => {
    const attempts: number[] = [];
    await consume('earlier', async (job) => {
      attempts.push(job.attempt);
      await new Promise(() => undefined);
    });
    // Its timeout, and its longest wait, which BullMQ's own words do not say.
    const stored = {
      attempts: 2,
      priority: 10,
      timeoutMs: 20,
      removeOnComplete: false,
      removeOnFail: false,
      keepLogs: 1000,
      backoff: { type: 'exponential', delay: 3_600_000, jitter: 0.5 },
      backoffPolicy: { type: 'exponential', delayMs: 3_600_000, maxDelayMs: 20 },
      jobId: 'earlier-1',
    };
    await plainQueue('earlier').add('old', { n: 1 }, stored);
    expect(await queues.get('earlier', 'earlier-1', { waitMs: 10_000 })).toMatchObject({
      state: 'failed',
      error: { code: 'JOB_TIMEOUT' },
    });
    expect(attempts).toEqual([1, 2]);
  });
});

describe('a prefix of BullMQ’s in a cluster', () => {
  it('needs a hash tag, and then has flows across queues', async () => {
    const cluster = await startCluster();
    const at = { kind: 'cluster', nodes: cluster.addresses } as const;
    expect(() => createRedisBackend({ target: at, prefix: 'bull' })).toThrow(
      /must have a hash tag in a cluster, such as \{bull\}/,
    );
    const backend = createRedisBackend({ target: at, prefix: '{bull}' });
    const queues = new Queues({ backend, definitions });
    try {
      expect(backend.hasFlowsAcrossQueues).toBe(true);
      const children = [{ queue: 'shared', data: { n: 2 } }];
      const { id } = await queues.addFlow({ queue: 'waits', data: { n: 1 }, children });
      expect(await queues.get('waits', id)).toMatchObject({ state: 'waiting-children' });
      const master = await cluster.masterOf('{bull}');
      expect(await master.command('EXISTS', `{bull}:waits:${id}`)).toBe(1);
    } finally {
      await queues.close();
      await cluster.stop();
    }
  });

  it('is not given along with keyPrefix', () => {
    expect(() => createRedisBackend({ target, prefix: 'bull', keyPrefix: 'jobs' })).toThrow(
      /not be given with keyPrefix/,
    );
  });
});
