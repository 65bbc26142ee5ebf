import { Latch } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import type { QueuesTest } from '../use-queues.ts';

/** Asking for a job, and waiting for its end. */
export function describeAsking(test: QueuesTest): void {
  describe('asking', () => {
    it('finds no job that was never added', async () => {
      expect(await test.queues.get('adding', 'never')).toBeUndefined();
      expect(await test.queues.get('adding', 'never', { waitMs: 30_000 })).toBeUndefined();
    });

    it('waits for a job to end, and no longer', async () => {
      const { id } = await test.queues.add('waiting', { data: { n: 1 } });
      const mayEnd = new Latch();
      const started = new Latch();
      await test.consume('waiting', async () => {
        started.open();
        await mayEnd.wait();
        return { answer: 42 };
      });
      await started.wait();
      const waitMs = 30_000;
      const before = performance.now();
      const asked = test.queues.get('waiting', id, { waitMs });
      mayEnd.open();
      expect(await asked).toMatchObject({ state: 'completed', result: { answer: 42 } });
      expect(performance.now() - before).toBeLessThan(waitMs);
    });

    it('answers with the job as it is when the time is over or the caller goes', async () => {
      const { id } = await test.queues.add('idle', { data: { n: 1 } });
      expect(await test.queues.get('idle', id, { waitMs: 150 })).toMatchObject({ state: 'prioritized' });
      const caller = new AbortController();
      const asked = test.queues.get('idle', id, { waitMs: 30_000, signal: caller.signal });
      caller.abort();
      expect(await asked).toMatchObject({ state: 'prioritized' });
    });
  });
}
