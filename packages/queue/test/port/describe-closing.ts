import { eventually, Latch } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import type { QueuesTest } from '../use-queues.ts';

/** Consumers that end while jobs run. */
export function describeClosing(test: QueuesTest): void {
  describe('closing a consumer', () => {
    it('lets the jobs that run end', async () => {
      const started = new Latch();
      const mayEnd = new Latch();
      const consumer = await test.consume('drain', async () => {
        started.open();
        await mayEnd.wait();
        return 'ended';
      });
      const { id } = await test.queues.add('drain', { data: { n: 1 } });
      const second = await test.queues.add('drain', { data: { n: 2 } });
      await started.wait();
      expect(consumer.status()).toMatchObject({ running: true, active: 1, lastProgressAt: expect.any(Number) });
      const closed = consumer.close({ timeoutMs: 60_000 });
      mayEnd.open();
      await closed;
      expect(await test.queues.get('drain', id)).toMatchObject({ state: 'completed', result: 'ended' });
      expect(await test.queues.get('drain', second.id)).toMatchObject({ state: 'prioritized' });
      expect(consumer.status()).toMatchObject({ running: false, active: 0 });
    });

    it('hands back a job that does not end in time, without costing it an attempt', async () => {
      const started = new Latch();
      const consumer = await test.consume('hanging', async () => {
        started.open();
        await new Promise(() => {});
      });
      const { id } = await test.queues.add('hanging', { data: { n: 1 }, options: { attempts: 1 } });
      await started.wait();
      await consumer.close({ timeoutMs: 1500 });
      await eventually(async () =>
        expect((await test.queues.get('hanging', id))?.state).toMatch(/waiting|prioritized/),
      );
      await test.consume('hanging', async (job) => job.attempt);
      expect(await test.queues.get('hanging', id, { waitMs: 30_000 })).toMatchObject({ state: 'completed', result: 1 });
    });
  });
}
