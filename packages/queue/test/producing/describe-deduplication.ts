import { Latch } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  Consumer,
  Queues,
  type AddResult,
  type Deduplication,
  type JobOptions,
  type QueueBackend,
} from '../../src/index.ts';
import { producingQueue } from './producing-queue.ts';

const definition = producingQueue('deduplication');

/** The modes of de-duplication, on every backend that has them. */
export function describeDeduplication(kind: 'redis' | 'embedded', create: () => Promise<QueueBackend>): void {
  describe(`de-duplication on the ${kind} backend`, () => {
    let backend: QueueBackend;
    let queues: Queues;
    const consumers: Consumer[] = [];

    beforeAll(async () => {
      backend = await create();
      queues = new Queues({ backend, definitions: [definition] });
    });
    afterEach(async () => {
      await Promise.all(consumers.splice(0).map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
      await queues.admin.drain('deduplication', { delayed: true });
    });
    afterAll(async () => queues.close());

    const add = async (n: number, deduplication: Deduplication, options: JobOptions = {}): Promise<AddResult> =>
      queues.add('deduplication', { data: { n }, options: { ...options, deduplication } });

    const consume = async (handler: (n: number) => Promise<void>): Promise<void> => {
      const run = async (job: { data: unknown }): Promise<void> => handler((job.data as { n: number }).n);
      const consumer = new Consumer({ backend, definition, handler: run });
      consumers.push(consumer);
      await consumer.start();
    };

    it('simple: adds no second job until the first has ended, and answers with the first', async () => {
      const first = await add(1, { id: 'simple' });
      const second = await add(2, { id: 'simple' }, { jobId: 'another' });
      expect(first).toMatchObject({ duplicate: false, state: 'prioritized' });
      expect(second).toEqual({ ...first, duplicate: true });
      expect(await queues.get('deduplication', 'another')).toBeUndefined();
      await consume(async () => undefined);
      expect(await queues.get('deduplication', first.id, { waitMs: 30_000 })).toMatchObject({ state: 'completed' });
      expect(await add(3, { id: 'simple' })).toMatchObject({ duplicate: false });
    });

    it('adds one job when 100 add at once, and all are answered with it', async () => {
      const results = await Promise.all(Array.from({ length: 100 }, async (_, n) => add(n, { id: 'racing' })));
      expect(results.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      expect(new Set(results.map(({ id }) => id)).size).toBe(1);
      expect((await queues.summary('deduplication')).counts.prioritized).toBe(1);
    });

    it('throttle: adds no second job within the time, whatever became of the first', async () => {
      const ended = new Latch();
      const first = await add(1, { id: 'throttle', ttlMs: 60_000 });
      await consume(async () => ended.open());
      await ended.wait();
      await queues.get('deduplication', first.id, { waitMs: 30_000 });
      expect(await add(2, { id: 'throttle', mode: 'throttle', ttlMs: 60_000 })).toMatchObject({
        id: first.id,
        state: 'completed',
        duplicate: true,
      });
    });

    it('debounce: the last job takes the place of the one that waits for its delay', async () => {
      const burst = { id: 'debounce', mode: 'debounce', ttlMs: 60_000 } as const;
      const first = await add(1, burst);
      const last = await add(2, burst, { delayMs: 5000 });
      expect([first, last]).toMatchObject([
        { duplicate: false, state: 'delayed' },
        { duplicate: false, state: 'delayed' },
      ]);
      expect(await queues.get('deduplication', first.id)).toBeUndefined();
      expect(await queues.get('deduplication', last.id)).toMatchObject({ state: 'delayed', data: { n: 2 } });
    });

    it('keepLastIfActive: runs the last of the jobs that came while one ran, and none of the others', async () => {
      const ran: number[] = [];
      const running = new Latch();
      const mayEnd = new Latch();
      const both = new Latch(2);
      await consume(async (n) => {
        ran.push(n);
        running.open();
        if (n === 1) await mayEnd.wait();
        both.open();
      });
      const first = await add(1, { id: 'last', mode: 'keepLastIfActive' });
      await running.wait();
      for (const n of [2, 3, 4]) {
        expect(await add(n, { id: 'last', mode: 'keepLastIfActive' })).toMatchObject({
          id: first.id,
          state: 'active',
          duplicate: true,
        });
      }
      mayEnd.open();
      await both.wait();
      expect(ran).toEqual([1, 4]);
    });

    if (kind === 'embedded') {
      it('reschedule is refused, and why', async () => {
        await expect(add(1, { id: 'put-off', mode: 'reschedule' })).rejects.toMatchObject({
          code: 'NOT_SUPPORTED',
          message: expect.stringContaining('embedded'),
        });
      });
    } else {
      it('reschedule: puts off the job that waits for its delay, and adds none', async () => {
        const first = await add(1, { id: 'put-off', mode: 'reschedule' }, { delayMs: 60_000 });
        const second = await add(2, { id: 'put-off', mode: 'reschedule' }, { delayMs: 1 });
        expect(second).toMatchObject({ id: first.id, duplicate: true, state: 'delayed' });
        await consume(async () => undefined);
        expect(await queues.get('deduplication', first.id, { waitMs: 30_000 })).toMatchObject({
          state: 'completed',
          data: { n: 1 },
        });
      });
    }

    it('and a jobId: a job of that id is there, so the de-duplication is not touched', async () => {
      await queues.add('deduplication', { data: { n: 1 }, options: { jobId: 'given' } });
      expect(await add(2, { id: 'untouched' }, { jobId: 'given' })).toMatchObject({ id: 'given', duplicate: true });
      expect(await add(3, { id: 'untouched' })).toMatchObject({ duplicate: false });
    });
  });
}
