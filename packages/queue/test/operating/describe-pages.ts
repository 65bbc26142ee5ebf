import { eventually, Latch } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../src/index.ts';
import type { ListJobsOptions } from '../../src/index.ts';
import type { AdminTest } from './use-admin.ts';

/** Looking through the jobs of a queue. */
export function describePages(test: AdminTest): void {
  const pages = async (queue: string, options: ListJobsOptions): Promise<string[][]> => {
    const found: string[][] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = await test.queues.admin.list(queue, { ...options, ...(cursor !== undefined && { cursor }) });
      found.push(page.jobs.map(({ id }) => id));
      ({ cursor } = page);
    }
    return found;
  };

  describe('listing', () => {
    it('goes through the jobs that wait in the order in which they run', async () => {
      const low = await Promise.all([1, 2, 3].map((n) => test.add('paged', n, { priority: 'low', jobId: `low-${n}` })));
      const high = [];
      for (let n = 1; n <= 9; n += 1) high.push(await test.add('paged', n, { priority: 'high', jobId: `high-${n}` }));
      const found = await pages('paged', { state: 'prioritized', limit: 5 });
      expect(found.map((page) => page.length)).toEqual([5, 5, 2]);
      expect(found.flat()).toEqual([...high, ...low]);
      expect((await test.queues.admin.list('paged', { state: 'prioritized', limit: 1 })).jobs).toMatchObject([
        { id: 'high-1', queue: 'paged', name: 'paged', state: 'prioritized', data: { n: 1 }, attemptsMade: 0 },
      ]);
    });

    it('shows each state as it is, and all of them one after another', async () => {
      const mayEnd = new Latch();
      await test.add('states', 1, { jobId: 'done' });
      await test.add('states', 2, { jobId: 'broken' });
      await test.add('states', 4, { jobId: 'later', delayMs: 60_000 });
      await test.consume('states', async ({ data }) => {
        const { n } = data as { n: number };
        if (n === 2) throw new PermanentError('no', { code: 'NO_WAY' });
        if (n === 3) await mayEnd.wait();
        return { n };
      });
      await eventually(async () => expect(await test.counts('states')).toMatchObject({ completed: 1, failed: 1 }));
      await test.add('states', 3, { jobId: 'runs' });
      await eventually(async () => expect(await test.counts('states')).toMatchObject({ active: 1 }));
      const { jobs, cursor } = await test.queues.admin.list('states');
      expect(cursor).toBeNull();
      expect(jobs).toMatchObject([
        { id: 'runs', state: 'active', startedAt: expect.any(String) },
        { id: 'later', state: 'delayed' },
        { id: 'broken', state: 'failed', error: { code: 'NO_WAY', message: 'no' }, finishedAt: expect.any(String) },
        { id: 'done', state: 'completed', result: { n: 1 }, attemptsMade: 1 },
      ]);
      for (const job of jobs) expect(job).toEqual({ ...(await test.queues.get('states', job.id)) });
      expect((await pages('states', { limit: 1 })).flat()).toEqual(['runs', 'later', 'broken', 'done']);
      mayEnd.open();
    });

    it('finds jobs by their name, in pages that may be empty', async () => {
      for (let n = 0; n < 12; n += 1)
        await test.add('named', n, { jobId: `job-${n}` }, n % 5 === 0 ? 'rare' : 'common');
      expect((await pages('named', { state: 'prioritized', name: 'rare', limit: 2 })).flat()).toEqual([
        'job-0',
        'job-5',
        'job-10',
      ]);
      expect((await pages('named', { name: 'absent' })).flat()).toEqual([]);
    });

    it('misses no job that stays and repeats none while others leave and come', async () => {
      const ids: string[] = [];
      for (let n = 0; n < 30; n += 1) ids.push(await test.add('moving', n, { jobId: `m-${n}`, delayMs: 600_000 + n }));
      const seen: string[] = [];
      const first = await test.queues.admin.list('moving', { state: 'delayed', limit: 10 });
      seen.push(...first.jobs.map(({ id }) => id));
      // The last one that was seen is gone, so is one before and one behind it, and one comes in front of all.
      for (const id of ['m-9', 'm-3', 'm-12']) await test.queues.admin.remove('moving', id);
      await test.add('moving', 99, { jobId: 'first', delayMs: 1000 });
      let { cursor } = first;
      while (cursor !== null) {
        const page = await test.queues.admin.list('moving', { state: 'delayed', limit: 10, cursor });
        seen.push(...page.jobs.map(({ id }) => id));
        ({ cursor } = page);
      }
      expect(seen).toEqual(ids.filter((id) => id !== 'm-12'));
    });

    it('lists what a plain BullMQ producer has added, and goes on when the last one that was seen has left', async () => {
      const { queue } = test.backend.open('plain');
      for (let n = 0; n < 250; n += 1) await queue.add('other', { n });
      const all = (await pages('plain', { state: 'waiting', limit: 100 })).map((page) => page.map(Number));
      expect(all.map((page) => page.length)).toEqual([100, 100, 50]);
      expect(all.flat()).toEqual(all.flat().toSorted((left, right) => left - right));
      const first = await test.queues.admin.list('plain', { state: 'waiting', limit: 100 });
      await test.queues.admin.remove('plain', first.jobs[99]?.id ?? '');
      const second = await test.queues.admin.list('plain', {
        state: 'waiting',
        limit: 1000,
        cursor: first.cursor ?? '',
      });
      const seen = new Set([...first.jobs, ...second.jobs].map(({ id }) => id));
      expect(seen.size).toBe(250);
    });

    it('ends a page early when its jobs are large', async () => {
      const text = 'x'.repeat(900_000);
      for (let n = 0; n < 8; n += 1) await test.queues.add('large', { data: { n, text } });
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
      await expect(test.queues.admin.list('refused', options)).rejects.toMatchObject({
        code: 'JOB_OPTIONS_INVALID',
        issues: [{ path: `/${name}` }],
      });
    });

    it.each(['0', '-1', '99999999999999999999', '1,2', '1,2,3', '0.5'])('goes on from any place: %s', async (place) => {
      for (const state of ['active', 'waiting', 'prioritized', 'delayed', 'failed', 'completed', 'waiting-children']) {
        const cursor = Buffer.from(`${state}\n${place}\nx`).toString('base64url');
        const error = await test.queues.admin.list('refused', { cursor }).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error !== undefined) expect(error).toMatchObject({ code: 'JOB_OPTIONS_INVALID' });
      }
    });
  });
}
