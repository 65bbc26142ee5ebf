import { monitor, startRedis, uniquePrefix, useRedis, type RedisServer } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AddedJob, NewJob } from '../../src/job/new-job.ts';
import { createRedisBackend, Queues } from '../../src/index.ts';
import { AddBatcher } from '../../src/producing/add-batcher.ts';
import { maxCommandsUnderWay } from '../../src/producing/add-many.ts';
import { producingQueue } from './producing-queue.ts';

const { url, host, port, db } = useRedis();

describe('jobs that are added in one turn', () => {
  const keyPrefix = uniquePrefix('batching');
  const open: Queues[] = [];

  const queuesWith = (addBatchSize?: number): Queues => {
    const queues = new Queues({
      backend: createRedisBackend({ target: { kind: 'standalone', host, port, db: db ?? 0 }, keyPrefix }),
      definitions: [producingQueue('batching')],
      ...(addBatchSize !== undefined && { addBatchSize }),
    });
    open.push(queues);
    return queues;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map(async (queues) => queues.close()));
  });

  const commandsFor = async (queues: Queues, add: () => Promise<unknown>): Promise<number> => {
    // The first add also asks for the time and sends the script.
    await queues.add('batching', { data: { n: 0 } });
    const watched = await monitor(url, { where: ({ argv }) => argv.some((arg) => arg.includes(keyPrefix)) });
    await add();
    await watched.settle();
    const count = watched.count();
    await watched.stop();
    return count;
  };

  it('go out as one command', async () => {
    const queues = queuesWith();
    const add = async (): Promise<unknown> =>
      Promise.all(Array.from({ length: 50 }, async (_, n) => queues.add('batching', { data: { n } })));
    expect(await commandsFor(queues, add)).toBe(1);
  });

  it('go out one by one when the size of a batch is 1', async () => {
    const queues = queuesWith(1);
    const add = async (): Promise<unknown> =>
      Promise.all(Array.from({ length: 10 }, async (_, n) => queues.add('batching', { data: { n } })));
    expect(await commandsFor(queues, add)).toBe(10);
  });

  it('do not wait for each other: one that is wrong is refused, the others are added', async () => {
    const queues = queuesWith();
    const results = await Promise.allSettled([
      queues.add('batching', { data: { n: 1 } }),
      queues.add('batching', { data: { n: 'x' } }),
      queues.add('batching', { data: { n: 3 }, options: { delayMs: 60_000 } }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('are 1000 in 20 commands with addMany, none of which keeps Redis for more than 50 jobs', async () => {
    const queues = queuesWith();
    const jobs = Array.from({ length: 1000 }, (_, n) => ({ data: { n } }));
    expect(await commandsFor(queues, async () => queues.addMany('batching', jobs))).toBe(20);
  });

  it('are answered before the queue closes, and none is taken after', async () => {
    const queues = queuesWith();
    const adding = queues.add('batching', { data: { n: 1 } });
    await queues.close();
    expect(await adding).toMatchObject({ duplicate: false });
    await expect(queues.add('batching', { data: { n: 2 } })).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
  });
});

describe('jobs that wait for the answer of the store', () => {
  const job = (id: string, json = '{}'): NewJob => ({ id, name: 'bound', data: {}, json, options: {} });
  const stored = (jobs: readonly NewJob[]): AddedJob[] =>
    jobs.map(({ id }) => ({ id, state: 'prioritized', existed: false }));

  it('are counted, and refused beyond a bound until others were answered', async () => {
    const frozen = Promise.withResolvers<void>();
    const batcher = new AddBatcher({
      queue: 'bound',
      maxJobs: 2,
      maxPending: 3,
      send: async (jobs) => {
        await frozen.promise;
        return stored(jobs);
      },
    });
    const adding = ['a', 'b', 'c'].map(async (id) => batcher.add(job(id)));
    expect(batcher.pending).toEqual({ batches: 2, jobs: 3 });
    await expect(batcher.add(job('d'))).rejects.toMatchObject({ code: 'QUEUE_BUSY', status: 503, retryable: true });
    frozen.resolve();
    expect((await Promise.all(adding)).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(batcher.pending).toEqual({ batches: 0, jobs: 0 });
    expect(await batcher.add(job('d'))).toMatchObject({ id: 'd' });
  });

  it('hold at most 64 MiB of data', async () => {
    const frozen = Promise.withResolvers<void>();
    const batcher = new AddBatcher({
      queue: 'bound',
      maxJobs: 50,
      send: async (jobs) => {
        await frozen.promise;
        return stored(jobs);
      },
    });
    const megabyte = `"${'x'.repeat(1024 * 1024 - 2)}"`;
    const adding = Array.from({ length: 64 }, async (_, n) => batcher.add(job(`large-${n}`, megabyte)));
    await expect(batcher.add(job('one-more', megabyte))).rejects.toMatchObject({ code: 'QUEUE_BUSY' });
    frozen.resolve();
    await Promise.all(adding);
  });

  it('each get the answer that is theirs, also when the sending itself fails', async () => {
    const failing = new AddBatcher({
      queue: 'bound',
      maxJobs: 50,
      send: async () => Promise.reject(new Error('a bug')),
    });
    const results = await Promise.allSettled([failing.add(job('a')), failing.add(job('b'))]);
    expect(results).toMatchObject([{ reason: { message: 'a bug' } }, { reason: { message: 'a bug' } }]);
  });
});

describe('adding many while the store goes away', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => redis.stop());

  it('says of each job whether it was added, and gives up on the rest at once', async () => {
    // What a busy machine takes to connect and to add the first is less.
    const commandTimeoutMs = 3000;
    const target = { kind: 'standalone', host: '127.0.0.1', port: redis.port } as const;
    const queues = new Queues({
      backend: createRedisBackend({ target, commandTimeoutMs }),
      definitions: [producingQueue('away')],
    });
    const jobs = Array.from({ length: 5000 }, (_, n) => ({ data: { n } }));
    let frozen = false;
    const result = await queues.addMany('away', jobs, {
      onProgress: () => {
        if (!frozen) redis.pause();
        frozen = true;
      },
    });
    const codes = result.items.map(({ error }) => (error as { code?: string } | undefined)?.code ?? 'accepted');
    expect(codes.slice(0, 50)).toEqual(Array.from({ length: 50 }, () => 'accepted'));
    expect(new Set(codes)).toEqual(new Set(['accepted', 'QUEUE_OUTCOME_UNKNOWN', 'QUEUE_UNAVAILABLE']));
    // One time-out, of those that were under way, and not one a batch.
    expect(codes.filter((code) => code === 'QUEUE_OUTCOME_UNKNOWN').length).toBeLessThanOrEqual(
      maxCommandsUnderWay * 50,
    );
    for (const { status, id, error } of result.items) {
      if ((error as { code?: string } | undefined)?.code === 'QUEUE_OUTCOME_UNKNOWN') {
        expect([status, typeof id]).toEqual(['rejected', 'string']);
      }
    }
    redis.resume();
    await queues.close();
  });
});
