import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitor, startRedis, type Monitor, type RedisServer } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisBackend, openOutbox, Queues, type AddJob, type Outbox } from '../../src/index.ts';
import { producingQueue } from './producing-queue.ts';

const count = 2000;
const text = 'x'.repeat(1000);

/**
 * Redis serves nobody else while it adds, so a command adds few; and not fewer than is good for the time of the whole. How long
 * such a command takes is measured by `benchmarks/blocking.ts`.
 */
describe(`${count} jobs of 1 KB in one call`, () => {
  let redis: RedisServer;
  let watch: Monitor;
  beforeAll(async () => {
    redis = await startRedis();
    watch = await monitor(redis.url);
  });
  afterAll(async () => {
    await watch.stop();
    await redis.stop();
  });

  /** Adds the jobs to a queue that is empty, and replies how many each of the commands brought that did. */
  async function jobsByCommand(options: Options, outbox?: Outbox): Promise<number[]> {
    await redis.command('FLUSHALL');
    const { host, port } = redis;
    const queues = new Queues({
      backend: createRedisBackend({ target: { kind: 'standalone', host, port }, commandTimeoutMs: 60_000 }),
      definitions: [producingQueue('steps')],
      ...(outbox && { outbox }),
    });
    try {
      await queues.summary('steps');
      await watch.settle();
      watch.reset();
      const jobs = Array.from({ length: count }, (_, n) => ({ data: { n, text }, options: numbered(options, n) }));
      expect(await queues.addMany('steps', jobs)).toMatchObject({ accepted: count, duplicates: 0, rejected: 0 });
      await watch.settle();
      const sent = watch.commands().map((argv) => argv.join(' ').split(text).length - 1);
      const { prioritized, delayed } = (await queues.summary('steps')).counts;
      expect(prioritized + delayed).toBe(count);
      return sent.filter((brought) => brought > 0);
    } finally {
      await queues.close();
    }
  }

  const fifties = Array.from({ length: count / 50 }, () => 50);

  it.each<[string, Options]>([
    ['wait', {}],
    ['are delayed, under ids of the caller', { delayMs: 3_600_000, jobId: 'job-' }],
    ['are de-duplicated', { deduplication: { id: 'dedup-' } }],
  ])('that %s are added fifty at a time', async (_, options) => {
    expect(await jobsByCommand(options)).toEqual(fifties);
  });

  it('that go through an outbox, so that each is added once, are too', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-add-many-'));
    try {
      expect(await jobsByCommand({}, await openOutbox({ folder: directory, patienceMs: 60_000 }))).toEqual(fifties);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

type Options = NonNullable<AddJob['options']>;

/** Ids that differ from job to job. */
function numbered({ jobId, deduplication, ...rest }: Options, n: number): Options {
  return {
    ...rest,
    ...(jobId !== undefined && { jobId: `${jobId}${n}` }),
    ...(deduplication !== undefined && { deduplication: { ...deduplication, id: `${deduplication.id}${n}` } }),
  };
}
