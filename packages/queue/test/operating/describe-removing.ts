import { eventually } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../src/index.ts';
import type { FlowJob } from '../../src/index.ts';
import type { AdminTest } from './use-admin.ts';

/** What becomes of a job that leaves the queue without a worker, and of those that wait for it. */
export function describeRemoving(test: AdminTest): void {
  const ways: [string, (queue: string, ids: readonly string[]) => Promise<unknown>][] = [
    ['drained', async (queue) => test.queues.admin.drain(queue, { delayed: true })],
    ['cleaned', async (queue) => test.queues.admin.clean(queue, { state: 'prioritized' })],
    ['removed', async (queue, ids) => Promise.all(ids.map(async (id) => test.queues.admin.remove(queue, id)))],
  ];

  describe('cancelling a job that waits', () => {
    it.each([
      ['with a priority', {}],
      ['for its time', { delayMs: 3_600_000 }],
    ])('%s is done when the call is, without a worker', async (_how, options) => {
      const id = await test.add('cancelled', 1, options);
      const before = await test.counts('cancelled');
      expect(await test.queues.cancel('cancelled', id, 'not needed')).toBe('waiting');
      expect(await test.queues.get('cancelled', id, { waitMs: 5000 })).toMatchObject({
        state: 'failed',
        attemptsMade: 0,
        error: { code: 'JOB_CANCELLED', message: 'not needed' },
        finishedAt: expect.any(String),
      });
      expect(await test.counts('cancelled')).toEqual({
        ...before,
        prioritized: 0,
        delayed: 0,
        failed: before.failed + 1,
      });
      expect(await test.queues.summary('cancelled')).toMatchObject({ oldestWaitingAgeMs: 0 });
      await expect(test.queues.cancel('cancelled', id)).rejects.toMatchObject({ code: 'JOB_STATE_CONFLICT' });
    });

    it('works in a paused queue, and one that another program added without a priority', async () => {
      await test.queues.admin.pause('cancelled');
      const { queue } = test.backend.open('cancelled');
      await queue.add('plain', { n: 1 }, { jobId: 'plain' });
      expect(await test.queues.cancel('cancelled', 'plain')).toBe('waiting');
      expect(await test.queues.get('cancelled', 'plain')).toMatchObject({ state: 'failed' });
      await test.queues.admin.resume('cancelled');
    });

    it('can be redriven, and runs at once then', async () => {
      const id = await test.add('cancelled', 1, { delayMs: 3_600_000 });
      await test.queues.cancel('cancelled', id);
      await test.queues.redrive('cancelled', { ids: [id] });
      await test.consume('cancelled', async () => 'ran');
      expect(await test.queues.get('cancelled', id, { waitMs: 30_000 })).toMatchObject({ state: 'completed' });
    });

    it('frees its de-duplication id, and fails its parent', async () => {
      const deduplication = { id: 'one' };
      const id = await test.add('cancelled', 1, { deduplication });
      await test.queues.cancel('cancelled', id);
      expect(await test.queues.add('cancelled', { data: { n: 2 }, options: { deduplication } })).toMatchObject({
        duplicate: false,
      });
      await test.queues.admin.drain('cancelled');
      await test.queues.addFlow({
        queue: 'parents',
        data: { n: 0 },
        options: { jobId: 'of-cancelled' },
        children: [{ queue: 'cancelled', data: { n: 1 }, options: { jobId: 'child' } }],
      });
      await test.queues.cancel('cancelled', 'child');
      await test.consume('parents', async () => 'ran');
      expect(await test.queues.get('parents', 'of-cancelled', { waitMs: 30_000 })).toMatchObject({ state: 'failed' });
    });

    it('refuses the next job of a schedule, which would end with it', async () => {
      await test.queues.schedules.put('ticking', 'hourly', { everyMs: 3_600_000, job: { data: { n: 1 } } });
      const [next] = (await test.queues.admin.list('ticking', { state: 'delayed' })).jobs;
      await expect(test.queues.cancel('ticking', next?.id ?? '')).rejects.toMatchObject({ code: 'JOB_STATE_CONFLICT' });
      expect(await test.counts('ticking')).toMatchObject({ delayed: 1, failed: 0 });
      await test.queues.schedules.remove('ticking', 'hourly');
    });
  });

  describe.each(ways)('a job that is %s', (way, remove) => {
    const flow = (id: string, onFailure: 'fail' | 'ignore', more: readonly FlowJob[] = []): FlowJob => ({
      queue: 'parents',
      data: { n: 0 },
      options: { jobId: id },
      children: [{ queue: 'children', data: { n: 1 }, options: { jobId: `${id}-child` }, onFailure }, ...more],
    });

    it('fails the parent that waits for it, and the parent of that', async () => {
      const inner = { ...flow(`${way}-inner`, 'fail'), onFailure: 'fail' } as const;
      await test.queues.addFlow({ queue: 'parents', data: { n: 0 }, options: { jobId: way }, children: [inner] });
      await remove('children', [`${way}-inner-child`]);
      expect(await test.queues.get('parents', `${way}-inner`)).toMatchObject({
        state: 'failed',
        error: { code: 'JOB_CHILD_REMOVED', message: expect.stringContaining(`${way}-inner-child`) },
      });
      let runs = 0;
      await test.consume('parents', async () => void (runs += 1));
      expect(await test.queues.get('parents', way, { waitMs: 30_000 })).toMatchObject({ state: 'failed' });
      expect(runs).toBe(0);
    });

    it('is an error that its parent sees where it may be ignored, and where the parent is redriven', async () => {
      await test.queues.addFlow(flow(`${way}-ignoring`, 'ignore'));
      await test.queues.addFlow(flow(`${way}-redriven`, 'fail'));
      await remove('children', [`${way}-ignoring-child`, `${way}-redriven-child`]);
      await test.queues.redrive('parents', { ids: [`${way}-redriven`] });
      await test.consume('parents', async (job) => job.children());
      for (const id of [`${way}-ignoring`, `${way}-redriven`]) {
        expect(await test.queues.get('parents', id, { waitMs: 30_000 })).toMatchObject({
          state: 'completed',
          result: [{ queue: 'children', id: `${id}-child`, error: { code: 'JOB_REMOVED' } }],
        });
      }
    });

    it('frees the de-duplication id of a throttle, and what was kept to follow it', async () => {
      const options = { deduplication: { id: `throttle-${way}`, ttlMs: 3_600_000 } };
      const first = await test.queues.add('throttled', { data: { n: 1 }, options });
      expect(await test.queues.add('throttled', { data: { n: 2 }, options })).toMatchObject({ duplicate: true });
      await remove('throttled', [first.id]);
      expect(await test.queues.add('throttled', { data: { n: 3 }, options })).toMatchObject({ duplicate: false });
      await test.queues.admin.drain('throttled');
    });
  });

  it('tells a running parent of a child that was removed', async () => {
    // A parent that has been redriven runs, while a child of its own still waits.
    await test.queues.addFlow({
      queue: 'parents',
      data: { n: 0 },
      options: { jobId: 'running' },
      children: [1, 2].map((n) => ({ queue: 'children', data: { n }, options: { jobId: `running-${n}` } })),
    });
    await test.queues.admin.remove('children', 'running-1');
    await test.queues.admin.remove('children', 'running-2');
    expect(await test.queues.get('parents', 'running')).toMatchObject({ state: 'failed' });
    expect(await test.counts('children')).toMatchObject({ prioritized: 0 });
  });

  describe('redriving', () => {
    it('starts the time of waiting anew', async () => {
      let fails = true;
      const handler = async (): Promise<string> => {
        if (fails) throw new PermanentError('not yet');
        return 'ran';
      };
      const failing = await test.consume('patient', handler);
      // Added an hour ago, so that nobody has to wait.
      const { queue } = test.backend.open('patient');
      const old = { jobId: 'old', priority: 10, timestamp: Date.now() - 3_600_000 };
      await queue.add('old', { n: 1 }, { ...old, jobId: 'untouched', waitingTtlMs: 60_000 } as never);
      expect(await test.queues.get('patient', 'untouched', { waitMs: 30_000 })).toMatchObject({
        error: { code: 'JOB_EXPIRED' },
      });
      await queue.add('old', { n: 1 }, old);
      expect(await test.queues.get('patient', 'old', { waitMs: 30_000 })).toMatchObject({ state: 'failed' });
      await failing.close({ timeoutMs: 3000 });
      fails = false;
      expect(await test.queues.redrive('patient')).toMatchObject({ redriven: 2, remaining: 0 });
      expect((await test.queues.summary('patient')).oldestWaitingAgeMs).toBeLessThan(1_800_000);
      // Its age is that of its waiting, for those who clean by age as well.
      expect(await test.queues.admin.clean('patient', { state: 'prioritized', olderThanMs: 1_800_000 })).toBe(0);
      await test.consume('patient', handler);
      for (const id of ['old', 'untouched']) {
        const job = await test.queues.get('patient', id, { waitMs: 30_000 });
        expect(job).toMatchObject({ state: 'completed', result: 'ran' });
        expect(Date.now() - Date.parse(job?.createdAt ?? '')).toBeGreaterThan(3_500_000);
      }
    });
  });

  describe('behind what stays', () => {
    it('drains and cleans, however much that is', async () => {
      const schedules = test.backend.kind === 'redis' ? 1010 : 60;
      await Promise.all(
        Array.from({ length: schedules }, async (_, n) =>
          test.queues.schedules.put('behind', `tenant-${n}`, { everyMs: 60_000, job: { data: { n } } }),
        ),
      );
      const later = Array.from({ length: 300 }, (_, n) => ({ data: { n }, options: { delayMs: 3_600_000 } }));
      await test.queues.addMany('behind', later);
      expect(await test.queues.admin.clean('behind', { state: 'delayed', limit: 120 })).toBe(120);
      expect(await test.queues.admin.drain('behind', { delayed: true })).toBe(180);
      const { counts } = await test.queues.summary('behind');
      expect(counts).toMatchObject({ delayed: schedules, prioritized: 0, waiting: 0 });
      await eventually(async () => expect(await test.queues.schedules.list('behind')).toHaveLength(schedules));
    });

    it('cleans the old ones of a list in which young ones are next', async () => {
      const { queue } = test.backend.open('lists');
      const old = Date.now() - 3_600_000;
      for (let n = 0; n < 30; n += 1) {
        await queue.add('plain', { n }, { jobId: `plain-${n}`, ...(n % 3 === 1 && { timestamp: old }) });
      }
      const clean = async () => test.queues.admin.clean('lists', { state: 'waiting', olderThanMs: 60_000 });
      expect(await clean()).toBe(10);
      expect(await clean()).toBe(0);
      const { jobs } = await test.queues.admin.list('lists', { state: 'waiting' });
      expect(jobs.map(({ data }) => (data as { n: number }).n)).toEqual(
        Array.from({ length: 30 }, (_, n) => n).filter((n) => n % 3 !== 1),
      );
      expect(await test.queues.admin.drain('lists')).toBe(20);
    });
  });
}
