import { Latch } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../src/index.ts';
import type { AdminTest } from './use-admin.ts';

/** What can be done with one job. */
export function describeJobActions(test: AdminTest): void {
  describe('single jobs', () => {
    it('removes a job that waits, and with it all that was known of it', async () => {
      const id = await test.add('actions', 1);
      expect(await test.queues.admin.remove('actions', id)).toBe(true);
      expect(await test.queues.get('actions', id)).toBeUndefined();
      expect(await test.queues.admin.remove('actions', id)).toBe(false);
    });

    it('runs a delayed job now, and only a delayed one', async () => {
      const id = await test.add('actions', 1, { delayMs: 60_000 });
      expect(await test.queues.admin.promote('actions', id)).toBe(true);
      expect(await test.queues.get('actions', id)).toMatchObject({ state: 'prioritized' });
      await expect(test.queues.admin.promote('actions', id)).rejects.toMatchObject({
        code: 'JOB_STATE_CONFLICT',
        status: 409,
      });
      await test.queues.admin.remove('actions', id);
    });

    it('runs a failed job again, and only a failed one', async () => {
      let fails = true;
      await test.consume('actions', async () => {
        if (fails) throw new PermanentError('not yet');
        return 'now';
      });
      const id = await test.add('actions', 1);
      expect(await test.queues.get('actions', id, { waitMs: 30_000 })).toMatchObject({ state: 'failed' });
      fails = false;
      expect(await test.queues.admin.retry('actions', id)).toBe(true);
      expect(await test.queues.get('actions', id, { waitMs: 30_000 })).toMatchObject({
        state: 'completed',
        result: 'now',
      });
      await expect(test.queues.admin.retry('actions', id)).rejects.toMatchObject({ code: 'JOB_STATE_CONFLICT' });
    });

    it('leaves a job alone that runs', async () => {
      const started = new Latch();
      const mayEnd = new Latch();
      await test.consume('busy', async () => {
        started.open();
        await mayEnd.wait();
      });
      const id = await test.add('busy', 1);
      await started.wait();
      for (const action of ['remove', 'promote', 'retry'] as const) {
        await expect(test.queues.admin[action]('busy', id), action).rejects.toMatchObject({
          code: 'JOB_STATE_CONFLICT',
        });
      }
      mayEnd.open();
      expect(await test.queues.get('busy', id, { waitMs: 30_000 })).toMatchObject({ state: 'completed' });
    });

    it('knows no job that is not there, nor one that cannot be', async () => {
      for (const id of ['absent', 'meta', 'wait', 'a:b', '', '../x', 'x'.repeat(600)]) {
        for (const action of ['remove', 'promote', 'retry'] as const) {
          expect(await test.queues.admin[action]('actions', id), `${action} ${id}`).toBe(false);
        }
      }
    });

    it('keeps the next job of a schedule', async () => {
      await test.queues.ensureSchedules([
        { queue: 'scheduled', id: 'hourly', schedule: { pattern: '0 * * * *' }, data: { n: 1 } },
      ]);
      const [next] = (await test.queues.admin.list('scheduled', { state: 'delayed' })).jobs;
      await expect(test.queues.admin.remove('scheduled', next?.id ?? '')).rejects.toMatchObject({
        code: 'JOB_STATE_CONFLICT',
      });
      expect(await test.queues.admin.drain('scheduled', { delayed: true })).toBe(0);
      expect(await test.queues.admin.clean('scheduled', { state: 'delayed' })).toBe(0);
      expect(await test.counts('scheduled')).toMatchObject({ delayed: 1 });
    });
  });
}
