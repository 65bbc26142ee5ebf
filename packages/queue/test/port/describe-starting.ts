import { eventually, Latch } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import type { QueuesTest } from '../use-queues.ts';

/** Schedules that are declared, and jobs that run at each start; see describe-schedules for those that change. */
export function describeStarting(test: QueuesTest): void {
  describe('schedules', () => {
    const entry = { queue: 'schedule', id: 'every-hour', data: { n: 7 }, schedule: { everyMs: 3_600_000 } };

    it('are there once, however often and by however many they are asked for', async () => {
      await test.queues.ensureSchedules([{ ...entry, runAtStart: true }]);
      await Promise.all([1, 2, 3].map(async () => test.queues.ensureSchedules([{ ...entry, runAtStart: true }])));
      const { counts } = await test.queues.summary('schedule');
      expect(counts).toMatchObject({ prioritized: 1, delayed: 1 });
    });

    it('refuse data that does not fit the queue', async () => {
      await expect(test.queues.ensureSchedules([{ ...entry, data: { n: 'x' } }])).rejects.toMatchObject({
        code: 'JOB_INVALID',
      });
    });

    it('run a job at each start', async () => {
      const start = { queue: 'start', id: 'warm', data: { n: 1 }, runAtStart: true };
      const ran: string[] = [];
      await test.consume('start', async (job) => ran.push(job.id));
      await test.queues.ensureSchedules([start]);
      await test.queues.get('start', 'start.warm', { waitMs: 30_000 });
      await test.queues.ensureSchedules([start]);
      await eventually(() => expect(ran).toEqual(['start.warm', 'start.warm']));
    });

    it('run one job more, however many processes start while that of an earlier start runs', async () => {
      const start = { queue: 'rollout', id: 'sync', data: { n: 1 }, runAtStart: true };
      const [first, last] = [new Latch(), new Latch()];
      const ran: string[] = [];
      await test.consume('rollout', async (job) => {
        ran.push(job.id);
        await (ran.length === 1 ? first : last).wait();
      });
      const restarts = async (): Promise<void> => {
        await Promise.all(Array.from({ length: 10 }, async () => test.queues.ensureSchedules([start])));
      };
      await test.queues.ensureSchedules([start]);
      await eventually(() => expect(ran).toHaveLength(1));
      await restarts();
      await restarts();
      expect((await test.queues.summary('rollout')).counts).toMatchObject({ active: 1, prioritized: 1 });
      first.open();
      await eventually(() => expect(ran).toEqual(['start.sync', 'start.sync.next']));
      await restarts();
      expect((await test.queues.summary('rollout')).counts).toMatchObject({ active: 1, prioritized: 1 });
      last.open();
      await eventually(() => expect(ran).toEqual(['start.sync', 'start.sync.next', 'start.sync']));
    });
  });
}
