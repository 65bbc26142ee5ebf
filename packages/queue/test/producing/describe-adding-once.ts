import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineQueue, Queues, type QueueBackend } from '../../src/index.ts';

const definition = defineQueue({
  name: 'once',
  description: 'For the tests of adding once.',
  payload: Type.Object({ n: Type.Integer() }),
  attempts: 1,
  timeoutMs: 1000,
  retention: { completed: {}, failed: {} },
  concurrency: 1,
});

/** What an add that must happen once promises on every backend. */
export function describeAddingOnce(kind: string, create: () => Promise<QueueBackend>): void {
  describe(`adding once on the ${kind} backend`, () => {
    let backend: QueueBackend;
    let queues: Queues;

    beforeAll(async () => {
      backend = await create();
      queues = new Queues({ backend, definitions: [definition] });
    });
    afterAll(async () => queues.close());

    const once = { token: 'call-1', ttlMs: 60_000 };

    it('adds nothing the second time, also when the job is gone', async () => {
      const job = { data: { n: 1 }, options: { jobId: 'gone' } };
      expect(await queues.add('once', job, { once })).toMatchObject({ duplicate: false, state: 'prioritized' });
      expect(await queues.add('once', job, { once })).toMatchObject({ duplicate: true, state: 'prioritized' });
      await backend.open('once').call((queue) => queue.remove('gone'));
      expect(await queues.add('once', job, { once })).toMatchObject({ id: 'gone', duplicate: true, state: 'unknown' });
      expect(await queues.get('once', 'gone')).toBeUndefined();
    });

    it('remembers the call and not the job: another call adds a job that was removed again', async () => {
      const job = { data: { n: 1 }, options: { jobId: 'again' } };
      await queues.add('once', job, { once: { ...once, token: 'call-2' } });
      await backend.open('once').call((queue) => queue.remove('again'));
      expect(await queues.add('once', job, { once: { ...once, token: 'call-3' } })).toMatchObject({ duplicate: false });
    });

    it('answers with the job of the first call, whatever id the second one has', async () => {
      const first = await queues.add('once', { data: { n: 1 } }, { once: { ...once, token: 'call-4' } });
      const second = await queues.add('once', { data: { n: 1 } }, { once: { ...once, token: 'call-4' } });
      expect(second).toEqual({ ...first, duplicate: true });
    });

    it('forgets a call when its time is over', async () => {
      const short = { token: 'call-5', ttlMs: 1 };
      const job = { data: { n: 1 }, options: { jobId: 'short' } };
      await queues.add('once', job, { once: short });
      await backend.open('once').call((queue) => queue.remove('short'));
      await expect.poll(async () => (await queues.add('once', job, { once: short })).duplicate).toBe(false);
    });

    it('adds one job when 50 send the same call at once', async () => {
      const racing = { ...once, token: 'call-6' };
      const results = await Promise.all(
        Array.from({ length: 50 }, async (_, n) => queues.add('once', { data: { n } }, { once: racing })),
      );
      expect(results.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      expect(new Set(results.map(({ id }) => id)).size).toBe(1);
    });
  });
}
