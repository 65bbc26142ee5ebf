import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineQueue, Queues, type QueueBackend } from '../../src/index.ts';
import { producingQueue } from './producing-queue.ts';

const payload = Type.Object(
  {
    model: Type.String(),
    products: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 4 }),
  },
  { additionalProperties: false },
);

/** Queues that make one job of many, on every backend. */
export function describeCoalescing(kind: string, create: () => Promise<QueueBackend>): void {
  describe(`coalescing on the ${kind} backend`, () => {
    let queues: Queues;

    beforeAll(async () => {
      const coalesce = { field: 'products', maxItems: 4, maxWaitMs: 20 };
      const embedding = defineQueue({ ...producingQueue('embedding'), payload, coalesce });
      queues = new Queues({ backend: await create(), definitions: [embedding, producingQueue('items')] });
    });
    afterAll(async () => queues.close());

    const add = async (products: string[], options = {}, model = 'small') =>
      queues.add('embedding', { data: { model, products }, options });

    it('makes one job of those that are alike but for the array', async () => {
      const results = await Promise.all([add(['a']), add(['b']), add(['c', 'd'], { priority: 'high' })]);
      const id = results[0]?.id ?? '';
      expect(results).toEqual(
        [1, 2, 3].map(() => ({ id, queue: 'embedding', state: 'prioritized', duplicate: false, items: 4 })),
      );
      // The most urgent ones first.
      expect(await queues.get('embedding', id)).toMatchObject({
        data: { model: 'small', products: ['c', 'd', 'a', 'b'] },
      });
    });

    it('keeps apart what differs', async () => {
      const [one, other] = await Promise.all([add(['a']), add(['a'], {}, 'large')]);
      expect(one.id).not.toBe(other.id);
      expect(await queues.get('embedding', other.id)).toMatchObject({ data: { model: 'large', products: ['a'] } });
    });

    it('adds by itself what has options of its own, or is as large as a job may be', async () => {
      const results = await Promise.all([
        add(['a'], { jobId: 'own' }),
        add(['b'], { delayMs: 60_000 }),
        add(['c', 'd', 'e', 'f']),
      ]);
      expect(results.map(({ items }) => items)).toEqual([undefined, undefined, undefined]);
      expect(new Set(results.map(({ id }) => id)).size).toBe(3);
    });

    it('refuses what is wrong at once, without the others', async () => {
      const good = add(['a']);
      await expect(add([''])).rejects.toMatchObject({ code: 'JOB_INVALID' });
      expect(await good).toMatchObject({ items: 1 });
    });

    it('takes items of any kind, with what makes a job of them', async () => {
      const numbers = queues.coalescer('items', {
        maxItems: 3,
        maxWaitMs: 60_000,
        toData: (items: readonly number[]) => ({ n: items.reduce((sum, item) => sum + item, 0) }),
      });
      const waiting = numbers.add(1);
      expect(queues.batchStats()).toEqual({ activeBatches: 1, totalQueuedJobs: 1, batchesByType: { items: 1 } });
      await expect(numbers.add(0.5)).rejects.toMatchObject({ code: 'JOB_INVALID' });
      const [first] = await Promise.all([waiting, numbers.add(2), numbers.add(3)]);
      expect(first).toMatchObject({ items: 3 });
      expect(await queues.get('items', first.id)).toMatchObject({ data: { n: 6 } });
      expect(queues.batchStats()).toEqual({ activeBatches: 0, totalQueuedJobs: 0, batchesByType: {} });
    });

    it.each([
      [{ maxItems: 0, maxWaitMs: 1 }],
      [{ maxItems: 1001, maxWaitMs: 1 }],
      [{ maxItems: 2, maxWaitMs: 0 }],
      [{ maxItems: 2, maxWaitMs: 60_001 }],
    ])('refuses %o', (bounds) => {
      const toData = (): unknown => ({});
      expect(() => queues.coalescer('items', { ...bounds, toData })).toThrow(
        expect.objectContaining({ code: 'JOB_OPTIONS_INVALID' }),
      );
      expect(() => producingQueue('wrong', { coalesce: { field: 'n', ...bounds } })).toThrow(/coalesce/);
    });
  });
}
