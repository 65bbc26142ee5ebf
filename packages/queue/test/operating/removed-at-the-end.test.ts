import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, Latch, uniquePrefix, useRedis } from '@holdfast/testing';
import type { JobsOptions } from 'bullmq';
import { Type } from 'typebox';
import { describe, expect, it, vi } from 'vitest';
import { createRedisBackend, defineQueue, PermanentError } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import type { JobEvent, JobView, QueueBackend } from '../../src/index.ts';
import { EndOfJob, isEnd } from '../../src/operating/ended-job.ts';
import type { JobStore } from '../../src/port/job-store.ts';
import { feedEventOf } from '../../src/operating/feed-event.ts';
import { useQueues } from '../use-queues.ts';

/** A hundred years: both stores must be able to count with it. */
const longest = 36_500 * 86_400_000;

const definition = defineQueue({
  name: 'short-lived',
  description: 'Keeps one job of each kind.',
  payload: Type.Object({ n: Type.Integer() }),
  attempts: 2,
  timeoutMs: 20_000,
  retention: { completed: { count: 1, ageMs: longest }, failed: { count: 1, ageMs: longest } },
  concurrency: 20,
});

const { host, port, db } = useRedis();
const backends: readonly [string, () => Promise<QueueBackend>][] = [
  [
    'Redis',
    async () =>
      createRedisBackend({ target: { kind: 'standalone', host, port, db }, keyPrefix: uniquePrefix('removed') }),
  ],
  [
    'the embedded backend',
    async () => createEmbeddedBackend({ directory: mkdtempSync(join(tmpdir(), 'holdfast-removed-')) }),
  ],
];

describe.each(backends)('a job that is removed at its end, on %s', (_name, create) => {
  const test = useQueues(create, [definition]);
  const queue = definition.name;
  /** As a plain BullMQ program adds it. */
  const addPlain = async (jobId: string, n: number, options: JobsOptions): Promise<void> => {
    await test.backend.open(queue).call((bullmq) => bullmq.add('plain', { n }, { jobId, ...options }));
  };
  /** Waits for jobs, and replies once each of them was seen: what ends from then on may be removed. */
  const waitFor = async (ids: readonly string[]): Promise<Promise<JobView | undefined>[]> => {
    const { jobs } = test.backend.open(queue);
    const read = vi.spyOn(jobs, 'read');
    const waits = ids.map(async (id) => test.queues.get(queue, id, { waitMs: 30_000 }));
    await eventually(() => expect(read.mock.settledResults.length).toBeGreaterThanOrEqual(ids.length));
    read.mockRestore();
    return waits;
  };
  /** Runs jobs once `mayRun` is open: the odd ones fail, at their second attempt for good. */
  const run = async (mayRun: Latch): Promise<void> => {
    await test.consume(queue, async (job) => {
      await mayRun.wait();
      const { n } = job.data as { n: number };
      await job.progress({ at: n });
      if (n % 2 === 1) throw new Error(`no ${n}`);
      return { n };
    });
  };

  it.each<[string, JobsOptions]>([
    ['at once', { removeOnComplete: true, removeOnFail: true }],
    ['by a count of 0', { removeOnComplete: { count: 0 }, removeOnFail: { count: 0 } }],
  ])('%s, is told with its result or its failure to whoever waits for it', async (what, keep) => {
    const id = `gone-${what.replaceAll(' ', '-')}`;
    await addPlain(`${id}-good`, 2, keep);
    await addPlain(`${id}-bad`, 3, { ...keep, attempts: 2 });
    const mayRun = new Latch();
    const waits = await waitFor([`${id}-good`, `${id}-bad`]);
    await run(mayRun);
    mayRun.open();
    const [good, bad] = await Promise.all(waits);
    expect(good).toMatchObject({
      id: `${id}-good`,
      queue,
      name: 'plain',
      state: 'completed',
      data: { n: 2 },
      result: { n: 2 },
      progress: { at: 2 },
      attemptsMade: 1,
      createdAt: expect.any(String),
      finishedAt: expect.any(String),
    });
    expect(bad).toMatchObject({ state: 'failed', error: { message: 'no 3' }, attemptsMade: 2 });
    expect(bad).not.toHaveProperty('result');
    expect(await test.queues.get(queue, `${id}-good`, { waitMs: 50 })).toBeUndefined();
  });

  it('because others pushed it out, is told to each of twenty who wait', async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `w-${n}`);
    for (const [n, jobId] of ids.entries()) await test.queues.add(queue, { data: { n: 2 * n }, options: { jobId } });
    const mayRun = new Latch();
    const waits = await waitFor(ids);
    await run(mayRun);
    mayRun.open();
    const ended = await Promise.all(waits);
    expect(ended.map((job) => [job?.id, job?.state, job?.result])).toEqual(
      ids.map((id, n) => [id, 'completed', { n: 2 * n }]),
    );
  });

  it('is followed to its end, and by whoever comes back', async () => {
    await addPlain('followed', 4, { removeOnComplete: true });
    const events = await test.queues.admin.watch(queue, 'followed', { signal: AbortSignal.timeout(60_000) });
    const mayRun = new Latch();
    await run(mayRun);
    mayRun.open();
    const seen: Exclude<JobEvent, { type: 'heartbeat' }>[] = [];
    for await (const event of events ?? []) if (event.type !== 'heartbeat') seen.push(event);
    expect(seen.at(-1)).toMatchObject({ type: 'completed', data: { result: { n: 4 } } });
    expect(await test.queues.get(queue, 'followed')).toBeUndefined();
    const [first] = seen;
    const eventId = first?.id.split('.')[0] ?? '';
    const again = await test.queues.admin.watch(queue, 'followed', {
      signal: AbortSignal.timeout(60_000),
      since: { eventId, lines: 0, hasEnded: false },
    });
    const missed: JobEvent[] = [];
    for await (const event of again ?? []) missed.push(event);
    expect(missed.at(-1)).toMatchObject({ type: 'completed', data: { result: { n: 4 } } });
  });

  it('by somebody while it waits, is there no more for whoever waits for it', async () => {
    const { id } = await test.queues.add(queue, { data: { n: 1 }, options: { delayMs: 60_000 } });
    const [waited] = await waitFor([id]);
    expect(await test.queues.admin.remove(queue, id)).toBe(true);
    expect(await waited).toBeUndefined();
  });

  it('is told from what happened until its end was heard, read in small pages', async () => {
    const { jobs, queue: bullmq } = test.backend.open(queue);
    const since = await jobs.lastEventId();
    await addPlain('long-told', 2, { removeOnComplete: true });
    const first = await test.queues.get(queue, 'long-told');
    if (first === undefined) throw new Error('It was to wait.');
    const [waited] = await waitFor(['long-told']);
    await run(new Latch(0));
    await waited;
    const { events } = await jobs.eventsAfter(since);
    const heard = events
      .flatMap((event) => feedEventOf(event) ?? [])
      .filter(({ details }) => details['jobId'] === first.id);
    const { id } = await test.queues.add(queue, { data: { n: 1 }, options: { delayMs: 60_000 } });
    const other = await bullmq.getJob(id);
    await Promise.all(Array.from({ length: 350 }, async (_, n) => other?.updateProgress(n)));

    // Whoever reads the events of the queue all the time asks too.
    const asked = vi.fn(async (after: string) => jobs.eventsAfter(after));
    const store: JobStore = Object.assign(Object.create(jobs) as JobStore, { eventsAfter: asked });
    /** How many pages it takes one who heard some of the events. */
    const pagesFor = async (ofThem: typeof heard, heardAll: boolean): Promise<number> => {
      asked.mockClear();
      const end = new EndOfJob(store, first.id, () => undefined);
      end.sawFirst({ job: first, eventId: since }, heardAll);
      for (const event of ofThem) end.heard(event);
      expect(await end.ofGoneJob()).toMatchObject({ state: 'completed', result: { n: 2 }, attemptsMade: 1 });
      return asked.mock.calls.length;
    };
    expect(await pagesFor(heard, true)).toBe(0);
    expect(await pagesFor(heard.filter(isEnd), false)).toBe(1);
    expect(await pagesFor([], false)).toBe(2);
    await test.queues.admin.remove(queue, id);
  });

  it('keeps the error of its last attempt out of its result', async () => {
    let runs = 0;
    await addPlain('second-try', 2, { attempts: 2, removeOnComplete: true });
    const [waited] = await waitFor(['second-try']);
    await test.consume(queue, async () => {
      runs += 1;
      if (runs === 1) throw new Error('once more');
      if (runs > 2) throw new PermanentError('never');
      return 'now';
    });
    const job = await waited;
    expect(job).toMatchObject({ state: 'completed', result: 'now', attemptsMade: 2 });
    expect(job).not.toHaveProperty('error');
  });
});
