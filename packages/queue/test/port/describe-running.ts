import { Latch } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { PermanentError } from '../../src/index.ts';
import type { QueuesTest } from '../use-queues.ts';

/** What becomes of a job that runs. */
export function describeRunning(test: QueuesTest): void {
  describe('running', () => {
    it('keeps results of any JSON', async () => {
      const values = [null, 0, '', 'text', false, [1], { a: { b: null } }];
      await test.consume('results', async (job) => values[(job.data as { n: number }).n]);
      for (const n of values.keys()) {
        const { id } = await test.queues.add('results', { data: { n } });
        expect(await test.queues.get('results', id, { waitMs: 30_000 })).toMatchObject({ result: values[n] });
      }
    });

    it('tries again with the same idempotency key, and records the last error', async () => {
      const seen: [number, string][] = [];
      await test.consume('failing', async (job) => {
        seen.push([job.attempt, job.idempotencyKey]);
        throw Object.assign(new Error(`attempt ${job.attempt} failed`), { code: 'UPSTREAM_DOWN' });
      });
      const { id } = await test.queues.add('failing', { data: { n: 1 } });
      expect(await test.queues.get('failing', id, { waitMs: 30_000 })).toMatchObject({
        state: 'failed',
        attemptsMade: 3,
        error: { code: 'UPSTREAM_DOWN', message: 'attempt 3 failed' },
      });
      expect(seen.map(([attempt]) => attempt)).toEqual([1, 2, 3]);
      expect(new Set(seen.map(([, key]) => key)).size).toBe(1);
    });

    it('does not try again after a permanent error', async () => {
      let runs = 0;
      await test.consume('permanent', async () => {
        runs += 1;
        throw new PermanentError('gone', { code: 'TARGET_GONE' });
      });
      const { id } = await test.queues.add('permanent', { data: { n: 1 } });
      expect(await test.queues.get('permanent', id, { waitMs: 30_000 })).toMatchObject({
        state: 'failed',
        attemptsMade: 1,
        error: { code: 'TARGET_GONE', message: 'gone' },
      });
      expect(runs).toBe(1);
    });

    it('runs by priority, and in order within one', async () => {
      const order = ['low', 'normal', 50, 'high', 'low', 'high'] as const;
      for (const [n, priority] of order.entries()) {
        await test.queues.add('priority', { data: { n }, options: { priority } });
      }
      const ran: number[] = [];
      const all = new Latch(order.length);
      await test.consume('priority', async (job) => {
        ran.push((job.data as { n: number }).n);
        all.open();
      });
      await all.wait();
      expect(ran).toEqual([3, 5, 1, 2, 0, 4]);
    });

    it('runs a delayed job when its time has come, not before', async () => {
      const ran = Promise.withResolvers<number>();
      await test.consume('delay', async () => ran.resolve(Date.now()));
      const added = Date.now();
      await test.queues.add('delay', { data: { n: 1 }, options: { delayMs: 400 } });
      const waited = (await ran.promise) - added;
      expect(waited).toBeGreaterThanOrEqual(395);
    });

    it('ends an attempt at its timeout, aborts its signal and says so', async () => {
      const aborted = new Latch();
      await test.consume('timeout', async (job) => {
        job.signal.addEventListener('abort', aborted.open);
        await new Promise(() => {});
      });
      const { id } = await test.queues.add('timeout', { data: { n: 1 }, options: { timeoutMs: 50, attempts: 1 } });
      expect(await test.queues.get('timeout', id, { waitMs: 30_000 })).toMatchObject({
        state: 'failed',
        error: { code: 'JOB_TIMEOUT', message: 'The job did not end within 50 ms.' },
      });
      await aborted.wait();
    });

    it('shows progress and logs', async () => {
      await test.consume('progress', async (job) => {
        await job.progress({ pages: 3 });
        await job.log('first');
        await job.log('x'.repeat(10_000));
      });
      const { id } = await test.queues.add('progress', { data: { n: 1 } });
      const job = await test.queues.get('progress', id, { waitMs: 30_000 });
      expect(job).toMatchObject({ state: 'completed', progress: { pages: 3 } });
      expect(job?.logs?.map((line) => line.length)).toEqual([5, 8192]);
    });
  });
}
