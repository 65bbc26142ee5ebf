import { eventually } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import type { QueuesTest } from '../use-queues.ts';

/** What is known of a queue as a whole. */
export function describeSummary(test: QueuesTest, names: readonly string[]): void {
  describe('the summary', () => {
    it('counts jobs and workers, and shows the policy', async () => {
      await test.queues.add('summary', { data: { n: 1 } });
      await test.queues.add('summary', { data: { n: 2 }, options: { delayMs: 60_000 } });
      expect(await test.queues.summary('summary')).toMatchObject({
        name: 'summary',
        paused: false,
        counts: { waiting: 0, prioritized: 1, active: 0, delayed: 1, completed: 0, failed: 0, waitingChildren: 0 },
        workers: 0,
        policy: { attempts: 3, priority: 10, timeoutMs: 10_000, concurrency: 1, schedule: null, runAtStart: false },
      });
      await test.consume('summary', async () => {});
      await eventually(async () => {
        expect(await test.queues.summary('summary')).toMatchObject({ counts: { completed: 1 }, workers: 1 });
      });
      expect((await test.queues.summaries()).map((summary) => summary.name)).toEqual(names);
    });

    it('knows the age of the oldest job that could run, a delayed one that is due included', async () => {
      expect((await test.queues.summary('age')).oldestWaitingAgeMs).toBe(0);
      await test.queues.add('age', { data: { n: 1 }, options: { delayMs: 60_000 } });
      expect((await test.queues.summary('age')).oldestWaitingAgeMs).toBe(0);
      await test.queues.add('age', { data: { n: 2 }, options: { delayMs: 20 } });
      await eventually(async () => expect((await test.queues.summary('age')).oldestWaitingAgeMs).toBeGreaterThan(30));
      await test.queues.add('age', { data: { n: 3 }, options: { priority: 'low' } });
      await test.queues.add('age', { data: { n: 4 }, options: { priority: 'high' } });
      expect((await test.queues.summary('age')).oldestWaitingAgeMs).toBeGreaterThan(30);
    });
  });
}
