import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RedisTarget } from '@holdfast/redis-core';
import { eventually, startCluster, uniquePrefix, useRedis } from '@holdfast/testing';
import type { RedisCluster } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, PermanentError, Queues } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import type { DeadLetter, Handler, OnGivenUp, QueueBackend } from '../../src/index.ts';

const names = [
  'shown',
  'paged',
  'chosen',
  'all',
  'limit',
  'cleaned',
  'aged',
  'refused',
  'thinned',
  'again',
  'budget',
  'long',
];
const definitions = names.map((name) =>
  defineQueue({
    name,
    description: `For the test of dead letters: ${name}.`,
    payload: Type.Object({ n: Type.Integer(), text: Type.Optional(Type.String()) }),
    attempts: 2,
    backoff: { type: 'fixed', delayMs: 0 },
    timeoutMs: 10_000,
    concurrency: 50,
    retention: { completed: {}, failed: {} },
  }),
);

describe.each(['redis', 'cluster', 'embedded'])('dead letters on the %s backend', (kind) => {
  let directory: string;
  let cluster: RedisCluster | undefined;
  let backend: QueueBackend;
  let queues: Queues;
  const consumers: Consumer[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-letters-'));
    const { host, port } = useRedis();
    if (kind === 'cluster') cluster = await startCluster();
    const target: RedisTarget =
      cluster === undefined ? { kind: 'standalone', host, port } : { kind: 'cluster', nodes: cluster.addresses };
    backend =
      kind === 'embedded'
        ? await createEmbeddedBackend({ directory })
        : createRedisBackend({ target, keyPrefix: uniquePrefix('jobs') });
    queues = new Queues({ backend, definitions });
  });
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.close({ timeoutMs: 3000 })));
  });
  afterAll(async () => {
    await queues.close();
    await cluster?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const consume = async (queue: string, handler: Handler, onGivenUp?: OnGivenUp): Promise<Consumer> => {
    const definition = queues.definition(queue);
    const consumer = new Consumer({ backend, definition, handler, ...(onGivenUp !== undefined && { onGivenUp }) });
    consumers.push(consumer);
    await consumer.start();
    return consumer;
  };
  const counts = async (queue: string) => (await queues.summary(queue)).counts;

  /** Makes so many jobs fail for good; their ids are letter-0, letter-1 and so on. */
  const bury = async (queue: string, count: number, text?: string): Promise<void> => {
    const consumer = await consume(queue, async () => {
      throw new PermanentError('Nobody can mend this.', { code: 'BEYOND_REPAIR' });
    });
    const added = Array.from({ length: count }, (_, n) =>
      queues.add(queue, { data: { n, ...(text !== undefined && { text }) }, options: { jobId: `letter-${n}` } }),
    );
    await Promise.all(added);
    await eventually(async () => expect((await counts(queue)).failed).toBe(count));
    await consumer.close({ timeoutMs: 3000 });
  };
  const list = async (queue: string, limit: number): Promise<DeadLetter[][]> => {
    const pages: DeadLetter[][] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await queues.deadLetters(queue, { limit, ...(cursor !== undefined && { cursor }) });
      pages.push([...page.jobs]);
      ({ cursor } = page);
    }
    return pages;
  };

  it('shows what failed, why, where, how often, and when first and last', async () => {
    const before = Date.now();
    await consume('shown', async () => {
      throw Object.assign(new Error('The disk is full.'), { code: 'ENOSPC' });
    });
    const { id } = await queues.add('shown', { name: 'backup', data: { n: 7 } });
    await queues.get('shown', id, { waitMs: 30_000 });
    const { jobs, cursor } = await queues.deadLetters('shown');
    expect(cursor).toBeNull();
    expect(jobs).toEqual([
      {
        id,
        queue: 'shown',
        name: 'backup',
        data: { n: 7 },
        error: { code: 'ENOSPC', message: 'The disk is full.' },
        stack: expect.stringMatching(/The disk is full\.\n\s+at .*dead-letters\.test\.ts/),
        attemptsMade: 2,
        createdAt: expect.any(String),
        firstFailedAt: expect.any(String),
        failedAt: expect.any(String),
      },
    ]);
    const [letter] = jobs as [DeadLetter];
    expect(letter.stack).not.toContain('failed at');
    const times = [letter.createdAt, letter.firstFailedAt ?? '', letter.failedAt].map((time) => Date.parse(time));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThanOrEqual(before);
  });

  it('keeps 4096 characters of a message, and a stack of 8192', async () => {
    await consume('long', async () => {
      throw new PermanentError('x'.repeat(1_000_000));
    });
    const { id } = await queues.add('long', { data: { n: 1 } });
    await queues.get('long', id, { waitMs: 30_000 });
    const { jobs } = await queues.deadLetters('long');
    expect(jobs[0]?.error.message).toHaveLength(4096);
    expect(jobs[0]?.stack).toHaveLength(8192);
  });

  it('keeps the first of many stacks and the newest, so that 100 attempts do not fill the store', async () => {
    let attempt = 0;
    await consume('thinned', async () => {
      attempt += 1;
      throw new Error(`attempt ${attempt}`);
    });
    const { id } = await queues.add('thinned', { data: { n: 1 }, options: { attempts: 9 } });
    await queues.get('thinned', id, { waitMs: 30_000 });
    const stacks = await backend.open('thinned').call(async (queue) => (await queue.getJob(id))?.stacktrace);
    expect(stacks?.map((stack) => /attempt \d/.exec(stack)?.[0])).toEqual([1, 7, 8, 9].map((n) => `attempt ${n}`));
    const { jobs } = await queues.deadLetters('thinned');
    expect(jobs[0]).toMatchObject({ attemptsMade: 9, stack: expect.stringContaining('attempt 9') });
    expect(Date.parse(jobs[0]?.firstFailedAt ?? '')).toBeLessThanOrEqual(Date.parse(jobs[0]?.failedAt ?? ''));
  });

  it('lists each once, the newest first, also when those of the page before are gone meanwhile', async () => {
    await bury('paged', 120);
    const all = (await list('paged', 100)).flat();
    expect(new Set(all.map(({ id }) => id)).size).toBe(120);
    const times = all.map(({ failedAt }) => failedAt);
    expect(times).toEqual(times.toSorted().toReversed());

    // Many fail in one millisecond; small pages end between them.
    const pages = await list('paged', 7);
    expect(pages.map((page) => page.length)).toEqual([...Array.from({ length: 17 }, () => 7), 1]);
    expect(pages.flat().map(({ id }) => id)).toEqual(all.map(({ id }) => id));

    const first = await queues.deadLetters('paged', { limit: 10 });
    await queues.cleanDeadLetters('paged', { ids: first.jobs.map(({ id }) => id) });
    const second = await queues.deadLetters('paged', { limit: 10, cursor: first.cursor ?? '' });
    expect(second.jobs.map(({ id }) => id)).toEqual(all.slice(10, 20).map(({ id }) => id));
  });

  it('ends a page at 4 MiB of data', async () => {
    await bury('budget', 6, 'x'.repeat(1_000_000));
    const pages = await list('budget', 100);
    expect(pages.flat()).toHaveLength(6);
    expect(pages.map((page) => page.length)).toEqual([5, 1]);
  });

  it('lets some run again, anew, and says what became of each id', async () => {
    await bury('chosen', 3);
    await queues.add('chosen', { data: { n: 9 }, options: { jobId: 'waiting', delayMs: 60_000 } });
    const report = await queues.redrive('chosen', { ids: ['letter-0', 'letter-2', 'letter-2', 'gone', 'waiting'] });
    expect(report).toEqual({
      redriven: 2,
      failed: 2,
      errors: [
        { id: 'gone', code: 'JOB_NOT_FOUND', message: expect.any(String) },
        { id: 'waiting', code: 'JOB_STATE_CONFLICT', message: expect.any(String) },
      ],
      remaining: 0,
    });
    expect(await counts('chosen')).toMatchObject({ failed: 1, prioritized: 2, delayed: 1 });
    expect(await queues.get('chosen', 'letter-0')).toMatchObject({ state: 'prioritized', attemptsMade: 0 });

    const attempts: string[] = [];
    await consume('chosen', async ({ id, attempt, attempts: most, idempotencyKey }) => {
      attempts.push(`${idempotencyKey} ${attempt}/${most}`);
      if (id === 'letter-2' && attempt === 1) throw new Error('once more');
      return 'mended';
    });
    for (const id of ['letter-0', 'letter-2']) {
      const job = await queues.get('chosen', id, { waitMs: 30_000 });
      expect(job).toMatchObject({ state: 'completed', result: 'mended' });
    }
    expect(attempts.toSorted()).toEqual(['letter-0 1/2', 'letter-2 1/2', 'letter-2 2/2'].map((a) => `chosen:${a}`));
  });

  it('lets all run again, in batches, but none twice that fails again meanwhile', async () => {
    await bury('all', 600);
    await consume('all', async () => {
      throw new PermanentError('Still not.');
    });
    const progress: number[] = [];
    const report = await queues.redrive('all', { onProgress: ({ redriven }) => progress.push(redriven) });
    expect(report).toEqual({ redriven: 600, failed: 0, errors: [], remaining: 0 });
    // Each command does bounded work.
    expect(progress.length).toBeGreaterThanOrEqual(12);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress.at(-1)).toBe(600);
    await eventually(async () => expect((await counts('all')).failed).toBe(600));
  });

  it('stops at its limit, the oldest first, and says how many are left', async () => {
    await bury('limit', 20);
    const ids = (await list('limit', 100)).flat().map(({ id }) => id);
    expect(await queues.redrive('limit', { limit: 5 })).toMatchObject({ redriven: 5, remaining: 15 });
    expect((await list('limit', 100)).flat().map(({ id }) => id)).toEqual(ids.slice(0, 15));
  });

  it('redrives what has been redriven before', async () => {
    await bury('again', 1);
    await queues.redrive('again');
    const redriven: number[] = [];
    await consume(
      'again',
      async () => {
        throw new PermanentError('Again.');
      },
      async (job) => void redriven.push(job.redriven),
    );
    await eventually(async () => expect((await counts('again')).failed).toBe(1));
    await queues.redrive('again');
    await eventually(() => expect(redriven).toEqual([1, 2]));
    await eventually(async () => expect((await counts('again')).failed).toBe(1));
    const { opts } = (await backend.open('again').call((queue) => queue.getJob('letter-0'))) ?? {};
    expect(opts).toMatchObject({ redriven: 2, attempts: 2 });
    const { jobs } = await queues.deadLetters('again');
    expect(jobs[0]).toMatchObject({ attemptsMade: 1, error: { message: 'Again.' } });
  });

  it('cleans some, all, and only those of a certain age', async () => {
    await bury('cleaned', 10);
    expect(await queues.cleanDeadLetters('cleaned', { ids: ['letter-1', 'letter-2', 'gone'] })).toMatchObject({
      removed: 2,
    });
    expect(await queues.get('cleaned', 'letter-1')).toBeUndefined();
    expect(await queues.cleanDeadLetters('cleaned', { olderThanMs: 3_600_000 })).toEqual({ removed: 0, remaining: 0 });
    expect(await queues.cleanDeadLetters('cleaned', { limit: 5 })).toEqual({ removed: 5, remaining: 3 });
    expect(await queues.cleanDeadLetters('cleaned')).toEqual({ removed: 3, remaining: 0 });
    expect((await counts('cleaned')).failed).toBe(0);
  });

  it('never cleans by id what is no dead letter', async () => {
    await queues.add('aged', { data: { n: 1 }, options: { jobId: 'alive', delayMs: 60_000 } });
    expect(await queues.cleanDeadLetters('aged', { ids: ['alive'] })).toEqual({ removed: 0, remaining: 0 });
    expect(await queues.get('aged', 'alive')).toMatchObject({ state: 'delayed' });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['/limit', () => queues.deadLetters('refused', { limit: 0 })],
    ['/limit', () => queues.deadLetters('refused', { limit: 101 })],
    ['/cursor', () => queues.deadLetters('refused', { cursor: 'no such thing' })],
    ['/ids', () => queues.redrive('refused', { ids: [] })],
    ['/ids', () => queues.redrive('refused', { ids: Array.from({ length: 10_001 }, (_, n) => `id-${n}`) })],
    ['/ids/1', () => queues.redrive('refused', { ids: ['fine', 'meta'] })],
    ['/limit', () => queues.redrive('refused', { limit: 1.5 })],
    ['/olderThanMs', () => queues.cleanDeadLetters('refused', { olderThanMs: -1 })],
  ])('refuses a wrong %s', async (path, call) => {
    await expect(call()).rejects.toMatchObject({ code: 'JOB_OPTIONS_INVALID', status: 400, issues: [{ path }] });
  });

  it('knows no queue that was not declared', async () => {
    await expect(queues.deadLetters('nope')).rejects.toMatchObject({ code: 'QUEUE_UNKNOWN' });
  });
});
