import { eventually, Latch } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Consumer, PermanentError, Queues } from '../../src/index.ts';
import type { Handler, ListJobsOptions, QueueBackend } from '../../src/index.ts';
import { definitionsFor } from './definitions.ts';

const definitions = definitionsFor(
  'paged states named moving plain refused large actions paused drained cleaned old scheduled busy',
);

export function describeListing(kind: string, create: () => Promise<QueueBackend>): void {
  describe(`jobs of a queue on the ${kind} backend`, () => {
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

    const consume = async (queue: string, handler: Handler): Promise<Consumer> => {
      const consumer = new Consumer({ backend, definition: queues.definition(queue), handler });
      consumers.push(consumer);
      await consumer.start();
      return consumer;
    };
    const add = async (queue: string, n: number, more: object = {}, name = queue): Promise<string> =>
      (await queues.add(queue, { name, data: { n }, options: more })).id;
    const pages = async (queue: string, options: ListJobsOptions): Promise<string[][]> => {
      const found: string[][] = [];
      let cursor: string | null | undefined;
      while (cursor !== null) {
        const page = await queues.admin.list(queue, { ...options, ...(cursor !== undefined && { cursor }) });
        found.push(page.jobs.map(({ id }) => id));
        ({ cursor } = page);
      }
      return found;
    };
    const counts = async (queue: string) => (await queues.summary(queue)).counts;

    describe('listing', () => {
      it('goes through the jobs that wait in the order in which they run', async () => {
        const low = await Promise.all([1, 2, 3].map((n) => add('paged', n, { priority: 'low', jobId: `low-${n}` })));
        const high = [];
        for (let n = 1; n <= 9; n += 1) high.push(await add('paged', n, { priority: 'high', jobId: `high-${n}` }));
        const found = await pages('paged', { state: 'prioritized', limit: 5 });
        expect(found.map((page) => page.length)).toEqual([5, 5, 2]);
        expect(found.flat()).toEqual([...high, ...low]);
        expect((await queues.admin.list('paged', { state: 'prioritized', limit: 1 })).jobs).toMatchObject([
          { id: 'high-1', queue: 'paged', name: 'paged', state: 'prioritized', data: { n: 1 }, attemptsMade: 0 },
        ]);
      });

      it('shows each state as it is, and all of them one after another', async () => {
        const mayEnd = new Latch();
        await add('states', 1, { jobId: 'done' });
        await add('states', 2, { jobId: 'broken' });
        await add('states', 4, { jobId: 'later', delayMs: 60_000 });
        await consume('states', async ({ data }) => {
          const { n } = data as { n: number };
          if (n === 2) throw new PermanentError('no', { code: 'NO_WAY' });
          if (n === 3) await mayEnd.wait();
          return { n };
        });
        await eventually(async () => expect(await counts('states')).toMatchObject({ completed: 1, failed: 1 }));
        await add('states', 3, { jobId: 'runs' });
        await eventually(async () => expect(await counts('states')).toMatchObject({ active: 1 }));
        const { jobs, cursor } = await queues.admin.list('states');
        expect(cursor).toBeNull();
        expect(jobs).toMatchObject([
          { id: 'runs', state: 'active', startedAt: expect.any(String) },
          { id: 'later', state: 'delayed' },
          { id: 'broken', state: 'failed', error: { code: 'NO_WAY', message: 'no' }, finishedAt: expect.any(String) },
          { id: 'done', state: 'completed', result: { n: 1 }, attemptsMade: 1 },
        ]);
        for (const job of jobs) expect(job).toEqual({ ...(await queues.get('states', job.id)) });
        expect((await pages('states', { limit: 1 })).flat()).toEqual(['runs', 'later', 'broken', 'done']);
        mayEnd.open();
      });

      it('finds jobs by their name, in pages that may be empty', async () => {
        for (let n = 0; n < 12; n += 1) await add('named', n, { jobId: `job-${n}` }, n % 5 === 0 ? 'rare' : 'common');
        expect((await pages('named', { state: 'prioritized', name: 'rare', limit: 2 })).flat()).toEqual([
          'job-0',
          'job-5',
          'job-10',
        ]);
        expect((await pages('named', { name: 'absent' })).flat()).toEqual([]);
      });

      it('misses no job that stays and repeats none while others leave and come', async () => {
        const ids: string[] = [];
        for (let n = 0; n < 30; n += 1) ids.push(await add('moving', n, { jobId: `m-${n}`, delayMs: 600_000 + n }));
        const seen: string[] = [];
        const first = await queues.admin.list('moving', { state: 'delayed', limit: 10 });
        seen.push(...first.jobs.map(({ id }) => id));
        // The last one that was seen is gone, so is one before and one behind it, and one comes in front of all.
        for (const id of ['m-9', 'm-3', 'm-12']) await queues.admin.remove('moving', id);
        await add('moving', 99, { jobId: 'first', delayMs: 1000 });
        let { cursor } = first;
        while (cursor !== null) {
          const page = await queues.admin.list('moving', { state: 'delayed', limit: 10, cursor });
          seen.push(...page.jobs.map(({ id }) => id));
          ({ cursor } = page);
        }
        expect(seen).toEqual(ids.filter((id) => id !== 'm-12'));
      });

      it('lists what a plain BullMQ producer has added, and goes on when the last one that was seen has left', async () => {
        const { queue } = backend.open('plain');
        for (let n = 0; n < 250; n += 1) await queue.add('other', { n });
        const all = (await pages('plain', { state: 'waiting', limit: 100 })).map((page) => page.map(Number));
        expect(all.map((page) => page.length)).toEqual([100, 100, 50]);
        expect(all.flat()).toEqual(all.flat().toSorted((left, right) => left - right));
        const first = await queues.admin.list('plain', { state: 'waiting', limit: 100 });
        await queues.admin.remove('plain', first.jobs[99]?.id ?? '');
        const second = await queues.admin.list('plain', { state: 'waiting', limit: 1000, cursor: first.cursor ?? '' });
        const seen = new Set([...first.jobs, ...second.jobs].map(({ id }) => id));
        expect(seen.size).toBe(250);
      });

      it('ends a page early when its jobs are large', async () => {
        const text = 'x'.repeat(900_000);
        for (let n = 0; n < 8; n += 1) await queues.add('large', { data: { n, text } });
        const found = await pages('large', { limit: 100 });
        expect(found.map((page) => page.length)).toEqual([5, 3]);
      });

      it.each<[string, object]>([
        ['limit', { limit: 0 }],
        ['limit', { limit: 1001 }],
        ['limit', { limit: 1.5 }],
        ['state', { state: 'unknown' }],
        ['cursor', { cursor: 'x' }],
        ['cursor', { cursor: '' }],
        ['cursor', { cursor: Buffer.from('failed\n1e400\nx').toString('base64url') }],
        ['cursor', { cursor: Buffer.from('failed\n1.2.3\nx').toString('base64url') }],
        ['cursor', { cursor: Buffer.from('failed').toString('base64url'), state: 'completed' }],
      ])('refuses a wrong %s: %o', async (name, options) => {
        await expect(queues.admin.list('refused', options)).rejects.toMatchObject({
          code: 'JOB_OPTIONS_INVALID',
          issues: [{ path: `/${name}` }],
        });
      });

      it.each(['0', '-1', '99999999999999999999', '1,2', '1,2,3', '0.5'])(
        'goes on from any place: %s',
        async (place) => {
          for (const state of [
            'active',
            'waiting',
            'prioritized',
            'delayed',
            'failed',
            'completed',
            'waiting-children',
          ]) {
            const cursor = Buffer.from(`${state}\n${place}\nx`).toString('base64url');
            const error = await queues.admin.list('refused', { cursor }).then(
              () => undefined,
              (reason: unknown) => reason,
            );
            if (error !== undefined) expect(error).toMatchObject({ code: 'JOB_OPTIONS_INVALID' });
          }
        },
      );
    });

    describe('single jobs', () => {
      it('removes a job that waits, and with it all that was known of it', async () => {
        const id = await add('actions', 1);
        expect(await queues.admin.remove('actions', id)).toBe(true);
        expect(await queues.get('actions', id)).toBeUndefined();
        expect(await queues.admin.remove('actions', id)).toBe(false);
      });

      it('runs a delayed job now, and only a delayed one', async () => {
        const id = await add('actions', 1, { delayMs: 60_000 });
        expect(await queues.admin.promote('actions', id)).toBe(true);
        expect(await queues.get('actions', id)).toMatchObject({ state: 'prioritized' });
        await expect(queues.admin.promote('actions', id)).rejects.toMatchObject({
          code: 'JOB_STATE_CONFLICT',
          status: 409,
        });
        await queues.admin.remove('actions', id);
      });

      it('runs a failed job again, and only a failed one', async () => {
        let fails = true;
        await consume('actions', async () => {
          if (fails) throw new PermanentError('not yet');
          return 'now';
        });
        const id = await add('actions', 1);
        expect(await queues.get('actions', id, { waitMs: 5000 })).toMatchObject({ state: 'failed' });
        fails = false;
        expect(await queues.admin.retry('actions', id)).toBe(true);
        expect(await queues.get('actions', id, { waitMs: 5000 })).toMatchObject({ state: 'completed', result: 'now' });
        await expect(queues.admin.retry('actions', id)).rejects.toMatchObject({ code: 'JOB_STATE_CONFLICT' });
      });

      it('leaves a job alone that runs', async () => {
        const started = new Latch();
        const mayEnd = new Latch();
        await consume('busy', async () => {
          started.open();
          await mayEnd.wait();
        });
        const id = await add('busy', 1);
        await started.wait();
        for (const action of ['remove', 'promote', 'retry'] as const) {
          await expect(queues.admin[action]('busy', id), action).rejects.toMatchObject({ code: 'JOB_STATE_CONFLICT' });
        }
        mayEnd.open();
        expect(await queues.get('busy', id, { waitMs: 5000 })).toMatchObject({ state: 'completed' });
      });

      it('knows no job that is not there, nor one that cannot be', async () => {
        for (const id of ['absent', 'meta', 'wait', 'a:b', '', '../x', 'x'.repeat(600)]) {
          for (const action of ['remove', 'promote', 'retry'] as const) {
            expect(await queues.admin[action]('actions', id), `${action} ${id}`).toBe(false);
          }
        }
      });

      it('keeps the next job of a schedule', async () => {
        await queues.ensureSchedules([
          { queue: 'scheduled', id: 'hourly', schedule: { pattern: '0 * * * *' }, data: { n: 1 } },
        ]);
        const [next] = (await queues.admin.list('scheduled', { state: 'delayed' })).jobs;
        await expect(queues.admin.remove('scheduled', next?.id ?? '')).rejects.toMatchObject({
          code: 'JOB_STATE_CONFLICT',
        });
        expect(await queues.admin.drain('scheduled', { delayed: true })).toBe(0);
        expect(await queues.admin.clean('scheduled', { state: 'delayed' })).toBe(0);
        expect(await counts('scheduled')).toMatchObject({ delayed: 1 });
      });
    });

    describe('whole queues', () => {
      it('takes no job while it is paused', async () => {
        await queues.admin.pause('paused');
        const id = await add('paused', 1);
        await consume('paused', async () => 'ran');
        expect(await queues.get('paused', id, { waitMs: 300 })).toMatchObject({ state: 'prioritized' });
        expect(await queues.summary('paused')).toMatchObject({ paused: true, oldestWaitingAgeMs: 0 });
        await queues.admin.resume('paused');
        expect(await queues.get('paused', id, { waitMs: 5000 })).toMatchObject({ state: 'completed' });
      });

      it('is drained of what waits, and of what is delayed only if asked', async () => {
        for (let n = 0; n < 30; n += 1) await add('drained', n, n < 10 ? { delayMs: 60_000 } : {});
        expect(await queues.admin.drain('drained')).toBe(20);
        expect(await counts('drained')).toMatchObject({ prioritized: 0, waiting: 0, delayed: 10 });
        expect(await queues.admin.drain('drained', { delayed: true })).toBe(10);
        expect(await counts('drained')).toMatchObject({ delayed: 0 });
      });

      it('is cleaned of what has ended, the oldest first', async () => {
        await consume('cleaned', async ({ data }) => data);
        const ids: string[] = [];
        for (let n = 0; n < 6; n += 1) {
          ids.push(await add('cleaned', n));
          await queues.get('cleaned', ids[n] ?? '', { waitMs: 5000 });
        }
        expect(await queues.admin.clean('cleaned', { state: 'completed', olderThanMs: 60_000 })).toBe(0);
        expect(await queues.admin.clean('cleaned', { state: 'completed', limit: 4 })).toBe(4);
        expect((await queues.admin.list('cleaned')).jobs.map(({ id }) => id)).toEqual(ids.slice(4).toReversed());
        expect(await queues.admin.clean('cleaned', { state: 'failed' })).toBe(0);
      });

      it('is cleaned of old jobs that wait behind new ones', async () => {
        const { queue } = backend.open('old');
        const old = Date.now() - 3_600_000;
        await queue.add('old', { n: 1 }, { jobId: 'old', priority: 100, timestamp: old });
        await queue.add('new', { n: 2 }, { jobId: 'new', priority: 1 });
        expect(await queues.admin.clean('old', { state: 'prioritized', olderThanMs: 60_000, limit: 1 })).toBe(1);
        expect((await queues.admin.list('old')).jobs.map(({ id }) => id)).toEqual(['new']);
      });

      it.each<[string, object]>([
        ['state', { state: 'active' }],
        ['olderThan', { state: 'failed', olderThanMs: -1 }],
        ['limit', { state: 'failed', limit: 0 }],
        ['limit', { state: 'failed', limit: 10_001 }],
      ])('refuses to clean by a wrong %s: %o', async (name, options) => {
        await expect(queues.admin.clean('refused', options as never)).rejects.toMatchObject({
          code: 'JOB_OPTIONS_INVALID',
          issues: [{ path: `/${name}` }],
        });
      });
    });
  });
}
