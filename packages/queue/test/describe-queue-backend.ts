import { defineQueue, PermanentError, Consumer, Queues } from '../src/index.ts';
import type { Handler, QueueBackend, QueueDefinition } from '../src/index.ts';
import { eventually, Latch } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const forever: Pick<QueueDefinition, 'retention'> = { retention: { completed: {}, failed: {} } };

/** Each test has a queue of its own, so that tests do not see each other's jobs. */
const names = ['adding', 'racing', 'invalid', 'options', 'waiting', 'failing', 'permanent', 'priority', 'delay'].concat(
  ['timeout', 'summary', 'age', 'progress', 'drain', 'hanging', 'schedule', 'start', 'idle', 'twice', 'results'],
);

const definitions = names.map((name) =>
  defineQueue({
    name,
    description: `For the test of ${name}.`,
    payload: Type.Object({ n: Type.Integer(), tag: Type.Optional(Type.String()) }, { additionalProperties: false }),
    attempts: 3,
    backoff: { type: 'exponential', delayMs: 20, maxDelayMs: 100 },
    timeoutMs: 10_000,
    concurrency: 1,
    ...forever,
  }),
);

/** What both backends promise, whatever is behind them. */
export function describeQueueBackend(kind: string, create: () => Promise<QueueBackend>): void {
  describe(`queues on the ${kind} backend`, () => {
    let backend: QueueBackend;
    let queues: Queues;
    const consumers: Consumer[] = [];

    beforeAll(async () => {
      backend = await create();
      queues = new Queues({ backend, definitions });
    });
    afterEach(async () => {
      await Promise.all(consumers.splice(0).map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
    });
    afterAll(async () => queues.close());

    /** Runs the jobs of a queue until the test ends. */
    const consume = async (queue: string, handler: Handler, concurrency?: number): Promise<Consumer> => {
      const consumer = new Consumer({
        backend,
        definition: queues.definition(queue),
        handler,
        ...(concurrency !== undefined && { concurrency }),
      });
      consumers.push(consumer);
      await consumer.start();
      return consumer;
    };

    describe('adding', () => {
      it('gives each job an id and says where it is', async () => {
        const first = await queues.add('adding', { data: { n: 1 } });
        const later = await queues.add('adding', { data: { n: 2 }, options: { delayMs: 60_000 } });
        expect(first).toMatchObject({ queue: 'adding', state: 'prioritized', duplicate: false });
        expect(later).toMatchObject({ state: 'delayed', duplicate: false });
        expect(await queues.get('adding', first.id)).toMatchObject({
          id: first.id,
          name: 'adding',
          state: 'prioritized',
          data: { n: 1 },
          attemptsMade: 0,
          createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        });
      });

      it('adds one job when 100 add the same id at once', async () => {
        const results = await Promise.all(
          Array.from({ length: 100 }, async (_, n) => queues.add('racing', { data: { n }, options: { jobId: 'one' } })),
        );
        expect(results.filter((result) => !result.duplicate)).toHaveLength(1);
        expect((await queues.summary('racing')).counts.prioritized).toBe(1);
      });

      it('answers a duplicate with the state of the job that exists, whose data stays', async () => {
        const options = { jobId: 'twice' };
        await queues.add('twice', { data: { n: 1 }, options });
        await consume('twice', async () => 'done');
        await queues.get('twice', 'twice', { waitMs: 5000 });
        expect(await queues.add('twice', { data: { n: 2 }, options })).toMatchObject({
          duplicate: true,
          state: 'completed',
        });
        expect(await queues.get('twice', 'twice')).toMatchObject({ data: { n: 1 }, result: 'done' });
      });

      it.each<[string, unknown, string[]]>([
        ['a wrong type, and does not convert it', { n: '1' }, ['/n']],
        ['an unknown field', { n: 1, other: true }, ['/other']],
        ['a missing field', {}, ['/n']],
        ['no data', undefined, ['']],
        ['what is not JSON', { n: 1n }, ['']],
      ])('refuses %s', async (_what, data, paths) => {
        const error: unknown = await queues.add('invalid', { data }).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code: 'JOB_INVALID', status: 422 });
        expect((error as { issues: { path: string }[] }).issues.map((issue) => issue.path)).toEqual(paths);
      });

      it('refuses data of more than a megabyte', async () => {
        await expect(queues.add('invalid', { data: { n: 1, tag: 'x'.repeat(1_100_000) } })).rejects.toMatchObject({
          code: 'JOB_TOO_LARGE',
          status: 413,
        });
      });

      it.each<[string, object]>([
        ['attempts', { attempts: 0 }],
        ['attempts', { attempts: 101 }],
        ['attempts', { attempts: 1.5 }],
        ['attempts', { attempts: '3' }],
        ['delayMs', { delayMs: -1 }],
        ['delayMs', { delayMs: 366 * 86_400_000 }],
        ['priority', { priority: 0 }],
        ['priority', { priority: 'urgent' }],
        ['priority', { priority: 2_097_152 }],
        ['timeoutMs', { timeoutMs: 0 }],
        ['timeoutMs', { timeoutMs: 86_400_001 }],
        ['jobId', { jobId: '' }],
        ['jobId', { jobId: '123' }],
        ['jobId', { jobId: 'a:b' }],
        ['jobId', { jobId: 'x'.repeat(129) }],
        ['backoff', { backoff: { type: 'fixed', delayMs: -1 } }],
        ['backoff', { backoff: { type: 'other', delayMs: 1 } }],
      ])('refuses wrong %s: %o', async (name, options) => {
        await expect(queues.add('options', { data: { n: 1 }, options })).rejects.toMatchObject({
          code: 'JOB_OPTIONS_INVALID',
          status: 400,
          issues: [{ path: `/options/${name}` }],
        });
      });

      it('does not know a queue that was not declared', async () => {
        await expect(queues.add('nope', { data: {} })).rejects.toMatchObject({ code: 'QUEUE_UNKNOWN', status: 404 });
      });
    });

    describe('asking', () => {
      it('finds no job that was never added', async () => {
        expect(await queues.get('adding', 'never')).toBeUndefined();
        expect(await queues.get('adding', 'never', { waitMs: 5000 })).toBeUndefined();
      });

      it('waits for a job to end, and no longer', async () => {
        const { id } = await queues.add('waiting', { data: { n: 1 } });
        const mayEnd = new Latch();
        const started = new Latch();
        await consume('waiting', async () => {
          started.open();
          await mayEnd.wait();
          return { answer: 42 };
        });
        await started.wait();
        const asked = queues.get('waiting', id, { waitMs: 10_000 });
        mayEnd.open();
        const before = performance.now();
        expect(await asked).toMatchObject({ state: 'completed', result: { answer: 42 } });
        expect(performance.now() - before).toBeLessThan(1500);
      });

      it('answers with the job as it is when the time is over or the caller goes', async () => {
        const { id } = await queues.add('idle', { data: { n: 1 } });
        expect(await queues.get('idle', id, { waitMs: 150 })).toMatchObject({ state: 'prioritized' });
        const caller = new AbortController();
        const asked = queues.get('idle', id, { waitMs: 10_000, signal: caller.signal });
        caller.abort();
        expect(await asked).toMatchObject({ state: 'prioritized' });
      });
    });

    describe('running', () => {
      it('keeps results of any JSON', async () => {
        const values = [null, 0, '', 'text', false, [1], { a: { b: null } }];
        await consume('results', async (job) => values[(job.data as { n: number }).n]);
        for (const n of values.keys()) {
          const { id } = await queues.add('results', { data: { n } });
          expect(await queues.get('results', id, { waitMs: 5000 })).toMatchObject({ result: values[n] });
        }
      });

      it('tries again with the same idempotency key, and records the last error', async () => {
        const seen: [number, string][] = [];
        await consume('failing', async (job) => {
          seen.push([job.attempt, job.idempotencyKey]);
          throw Object.assign(new Error(`attempt ${job.attempt} failed`), { code: 'UPSTREAM_DOWN' });
        });
        const { id } = await queues.add('failing', { data: { n: 1 } });
        expect(await queues.get('failing', id, { waitMs: 10_000 })).toMatchObject({
          state: 'failed',
          attemptsMade: 3,
          error: { code: 'UPSTREAM_DOWN', message: 'attempt 3 failed' },
        });
        expect(seen.map(([attempt]) => attempt)).toEqual([1, 2, 3]);
        expect(new Set(seen.map(([, key]) => key)).size).toBe(1);
      });

      it('does not try again after a permanent error', async () => {
        let runs = 0;
        await consume('permanent', async () => {
          runs += 1;
          throw new PermanentError('gone', { code: 'TARGET_GONE' });
        });
        const { id } = await queues.add('permanent', { data: { n: 1 } });
        expect(await queues.get('permanent', id, { waitMs: 5000 })).toMatchObject({
          state: 'failed',
          attemptsMade: 1,
          error: { code: 'TARGET_GONE', message: 'gone' },
        });
        expect(runs).toBe(1);
      });

      it('runs by priority, and in order within one', async () => {
        const order = ['low', 'normal', 50, 'high', 'low', 'high'] as const;
        for (const [n, priority] of order.entries()) {
          await queues.add('priority', { data: { n }, options: { priority } });
        }
        const ran: number[] = [];
        const all = new Latch(order.length);
        await consume('priority', async (job) => {
          ran.push((job.data as { n: number }).n);
          all.open();
        });
        await all.wait();
        expect(ran).toEqual([3, 5, 1, 2, 0, 4]);
      });

      it('runs a delayed job when its time has come, not before', async () => {
        const ran = Promise.withResolvers<number>();
        await consume('delay', async () => ran.resolve(Date.now()));
        const added = Date.now();
        await queues.add('delay', { data: { n: 1 }, options: { delayMs: 400 } });
        const waited = (await ran.promise) - added;
        expect(waited).toBeGreaterThanOrEqual(395);
        expect(waited).toBeLessThan(3000);
      });

      it('ends an attempt at its timeout, aborts its signal and says so', async () => {
        const aborted = new Latch();
        await consume('timeout', async (job) => {
          job.signal.addEventListener('abort', aborted.open);
          await new Promise(() => {});
        });
        const { id } = await queues.add('timeout', { data: { n: 1 }, options: { timeoutMs: 50, attempts: 1 } });
        expect(await queues.get('timeout', id, { waitMs: 5000 })).toMatchObject({
          state: 'failed',
          error: { code: 'JOB_TIMEOUT', message: 'The job did not end within 50 ms.' },
        });
        await aborted.wait();
      });

      it('shows progress and logs', async () => {
        await consume('progress', async (job) => {
          await job.progress({ pages: 3 });
          await job.log('first');
          await job.log('x'.repeat(10_000));
        });
        const { id } = await queues.add('progress', { data: { n: 1 } });
        const job = await queues.get('progress', id, { waitMs: 5000 });
        expect(job).toMatchObject({ state: 'completed', progress: { pages: 3 } });
        expect(job?.logs?.map((line) => line.length)).toEqual([5, 8192]);
      });
    });

    describe('closing a consumer', () => {
      it('lets the jobs that run end', async () => {
        const started = new Latch();
        const mayEnd = new Latch();
        const consumer = await consume('drain', async () => {
          started.open();
          await mayEnd.wait();
          return 'ended';
        });
        const { id } = await queues.add('drain', { data: { n: 1 } });
        const second = await queues.add('drain', { data: { n: 2 } });
        await started.wait();
        expect(consumer.status()).toMatchObject({ running: true, active: 1, lastProgressAt: expect.any(Number) });
        const closed = consumer.close({ timeoutMs: 10_000 });
        mayEnd.open();
        await closed;
        expect(await queues.get('drain', id)).toMatchObject({ state: 'completed', result: 'ended' });
        expect(await queues.get('drain', second.id)).toMatchObject({ state: 'prioritized' });
        expect(consumer.status()).toMatchObject({ running: false, active: 0 });
      });

      it('hands back a job that does not end in time, without costing it an attempt', async () => {
        const started = new Latch();
        const consumer = await consume('hanging', async () => {
          started.open();
          await new Promise(() => {});
        });
        const { id } = await queues.add('hanging', { data: { n: 1 }, options: { attempts: 1 } });
        await started.wait();
        const before = performance.now();
        await consumer.close({ timeoutMs: 1500 });
        expect(performance.now() - before).toBeLessThan(2000);
        expect((await queues.get('hanging', id))?.state).toMatch(/waiting|prioritized/);
        await consume('hanging', async (job) => job.attempt);
        expect(await queues.get('hanging', id, { waitMs: 5000 })).toMatchObject({ state: 'completed', result: 1 });
      });
    });

    describe('the summary', () => {
      it('counts jobs and workers, and shows the policy', async () => {
        await queues.add('summary', { data: { n: 1 } });
        await queues.add('summary', { data: { n: 2 }, options: { delayMs: 60_000 } });
        expect(await queues.summary('summary')).toMatchObject({
          name: 'summary',
          paused: false,
          counts: { waiting: 0, prioritized: 1, active: 0, delayed: 1, completed: 0, failed: 0, waitingChildren: 0 },
          workers: 0,
          policy: { attempts: 3, priority: 10, timeoutMs: 10_000, concurrency: 1, schedule: null, runAtStart: false },
        });
        await consume('summary', async () => {});
        await eventually(async () => {
          expect(await queues.summary('summary')).toMatchObject({ counts: { completed: 1 }, workers: 1 });
        });
        expect((await queues.summaries()).map((summary) => summary.name)).toEqual(names);
      });

      it('knows the age of the oldest job that could run, a delayed one that is due included', async () => {
        expect((await queues.summary('age')).oldestWaitingAgeMs).toBe(0);
        await queues.add('age', { data: { n: 1 }, options: { delayMs: 60_000 } });
        expect((await queues.summary('age')).oldestWaitingAgeMs).toBe(0);
        await queues.add('age', { data: { n: 2 }, options: { delayMs: 20 } });
        await eventually(async () => expect((await queues.summary('age')).oldestWaitingAgeMs).toBeGreaterThan(30));
        await queues.add('age', { data: { n: 3 }, options: { priority: 'low' } });
        await queues.add('age', { data: { n: 4 }, options: { priority: 'high' } });
        expect((await queues.summary('age')).oldestWaitingAgeMs).toBeGreaterThan(30);
      });
    });

    describe('schedules', () => {
      const entry = { queue: 'schedule', id: 'every-hour', data: { n: 7 }, schedule: { everyMs: 3_600_000 } };

      it('are there once, however often and by however many they are asked for', async () => {
        await queues.ensureSchedules([{ ...entry, runAtStart: true }]);
        await Promise.all([1, 2, 3].map(async () => queues.ensureSchedules([{ ...entry, runAtStart: true }])));
        const { counts } = await queues.summary('schedule');
        expect(counts).toMatchObject({ prioritized: 1, delayed: 1 });
      });

      it('refuse data that does not fit the queue', async () => {
        await expect(queues.ensureSchedules([{ ...entry, data: { n: 'x' } }])).rejects.toMatchObject({
          code: 'JOB_INVALID',
        });
      });

      it('run a job at each start', async () => {
        const start = { queue: 'start', id: 'warm', data: { n: 1 }, runAtStart: true };
        const ran: string[] = [];
        await consume('start', async (job) => ran.push(job.id));
        await queues.ensureSchedules([start]);
        await queues.get('start', 'start.warm', { waitMs: 5000 });
        await queues.ensureSchedules([start]);
        await eventually(() => expect(ran).toEqual(['start.warm', 'start.warm']));
      });
    });
  });
}
