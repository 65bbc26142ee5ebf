import { describe, expect, it } from 'vitest';
import type { AdminTest } from './use-admin.ts';

/** What can be done with all jobs of a queue. */
export function describeQueueActions(test: AdminTest): void {
  describe('whole queues', () => {
    it('takes no job while it is paused', async () => {
      await test.queues.admin.pause('paused');
      const id = await test.add('paused', 1);
      await test.consume('paused', async () => 'ran');
      expect(await test.queues.get('paused', id, { waitMs: 300 })).toMatchObject({ state: 'prioritized' });
      expect(await test.queues.summary('paused')).toMatchObject({ paused: true, oldestWaitingAgeMs: 0 });
      await test.queues.admin.resume('paused');
      expect(await test.queues.get('paused', id, { waitMs: 30_000 })).toMatchObject({ state: 'completed' });
    });

    it('is drained of what waits, and of what is delayed only if asked', async () => {
      for (let n = 0; n < 30; n += 1) await test.add('drained', n, n < 10 ? { delayMs: 60_000 } : {});
      expect(await test.queues.admin.drain('drained')).toBe(20);
      expect(await test.counts('drained')).toMatchObject({ prioritized: 0, waiting: 0, delayed: 10 });
      expect(await test.queues.admin.drain('drained', { delayed: true })).toBe(10);
      expect(await test.counts('drained')).toMatchObject({ delayed: 0 });
    });

    it('is cleaned of what has ended, the oldest first', async () => {
      await test.consume('cleaned', async ({ data }) => data);
      const ids: string[] = [];
      for (let n = 0; n < 6; n += 1) {
        ids.push(await test.add('cleaned', n));
        await test.queues.get('cleaned', ids[n] ?? '', { waitMs: 30_000 });
      }
      expect(await test.queues.admin.clean('cleaned', { state: 'completed', olderThanMs: 60_000 })).toBe(0);
      expect(await test.queues.admin.clean('cleaned', { state: 'completed', limit: 4 })).toBe(4);
      expect((await test.queues.admin.list('cleaned')).jobs.map(({ id }) => id)).toEqual(ids.slice(4).toReversed());
      expect(await test.queues.admin.clean('cleaned', { state: 'failed' })).toBe(0);
    });

    it('is cleaned of old jobs that wait behind new ones', async () => {
      const { queue } = test.backend.open('old');
      const old = Date.now() - 3_600_000;
      await queue.add('old', { n: 1 }, { jobId: 'old', priority: 100, timestamp: old });
      await queue.add('new', { n: 2 }, { jobId: 'new', priority: 1 });
      expect(await test.queues.admin.clean('old', { state: 'prioritized', olderThanMs: 60_000, limit: 1 })).toBe(1);
      expect((await test.queues.admin.list('old')).jobs.map(({ id }) => id)).toEqual(['new']);
    });

    it.each<[string, object]>([
      ['state', { state: 'active' }],
      ['olderThan', { state: 'failed', olderThanMs: -1 }],
      ['limit', { state: 'failed', limit: 0 }],
      ['limit', { state: 'failed', limit: 10_001 }],
    ])('refuses to clean by a wrong %s: %o', async (name, options) => {
      await expect(test.queues.admin.clean('refused', options as never)).rejects.toMatchObject({
        code: 'JOB_OPTIONS_INVALID',
        issues: [{ path: `/${name}` }],
      });
    });
  });
}
