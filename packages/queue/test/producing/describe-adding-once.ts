import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { QueueHandle } from '../../src/port/backend.ts';
import type { AddedJob, NewJob } from '../../src/job/new-job.ts';
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

  describe(`adding by a command whose jobs share a marker on the ${kind} backend`, () => {
    let backend: QueueBackend;
    let handle: QueueHandle;
    let round = 0;

    beforeAll(async () => {
      backend = await create();
      handle = backend.open('shared');
    });
    afterAll(async () => backend.close());

    const job = (id: string, options = {}): NewJob => ({
      id,
      name: 'shared',
      data: {},
      options: { priority: 1, ...options },
    });
    const newMarker = () => ({ token: `command-${(round += 1)}`, ttlMs: 60_000 });
    const runAll = async (): Promise<void> => handle.call(async (queue) => queue.obliterate({ force: true }));
    const told = (replies: readonly (AddedJob | Error)[]): unknown[] =>
      replies.map((reply) => (reply instanceof Error ? 'error' : `${reply.existed ? 'existed' : 'added'} ${reply.id}`));

    it('adds nothing when one of them is sent again, alone or with others, also when they are gone', async () => {
      const marker = newMarker();
      const jobs = ['a', 'b', 'c'].map((id) => job(id));
      expect(told(await handle.addMany(jobs, marker))).toEqual(['added a', 'added b', 'added c']);
      await runAll();
      const again = jobs.map((one, index) => ({ ...one, once: { ...marker, place: index + 1 } }));
      expect(told(await handle.addMany(again.slice(1, 2)))).toEqual(['existed b']);
      expect(told(await handle.addMany(again))).toEqual(['existed a', 'existed b', 'existed c']);
      expect(told(await handle.addMany(jobs, marker))).toEqual(['existed a', 'existed b', 'existed c']);
    });

    it('adds one that was sent again before the command arrived only that time', async () => {
      const marker = newMarker();
      const jobs = ['d', 'e', 'f'].map((id) => job(id));
      expect(told(await handle.addMany([{ ...job('e'), once: { ...marker, place: 2 } }]))).toEqual(['added e']);
      await runAll();
      expect(told(await handle.addMany(jobs, marker))).toEqual(['added d', 'existed e', 'added f']);
    });

    it('adds one that could not be added when it is sent again', async () => {
      const marker = newMarker();
      const orphan = job('h', { parent: { id: 'nobody', queue: backend.prefixOf('shared') } });
      expect(told(await handle.addMany([job('g'), orphan], marker))).toEqual(['added g', 'error']);
      const again = { ...job('h'), once: { ...marker, place: 2 } };
      expect(told(await handle.addMany([again]))).toEqual(['added h']);
      await runAll();
      expect(told(await handle.addMany([again]))).toEqual(['existed h']);
    });

    it('remembers of which job one was a duplicate', async () => {
      const marker = newMarker();
      const deduplication = { id: 'same' };
      const jobs = [job('i', { deduplication }), job('j', { deduplication })];
      expect(told(await handle.addMany(jobs, marker))).toEqual(['added i', 'existed i']);
      await runAll();
      expect(told(await handle.addMany([{ ...job('j'), once: { ...marker, place: 2 } }]))).toEqual(['existed i']);
    });

    it('leaves a job with a marker of its own to that', async () => {
      const marker = newMarker();
      const once = { token: 'own', ttlMs: 60_000 };
      const jobs = [job('k'), { ...job('l'), once }];
      expect(told(await handle.addMany(jobs, marker))).toEqual(['added k', 'added l']);
      await runAll();
      expect(told(await handle.addMany([{ ...job('m'), once }]))).toEqual(['existed l']);
      expect(told(await handle.addMany([job('k'), { ...job('l'), once }], newMarker()))).toEqual([
        'added k',
        'existed l',
      ]);
      await runAll();
    });
  });
}
