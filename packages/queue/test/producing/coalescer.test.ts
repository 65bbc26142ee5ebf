import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Coalescer } from '../../src/producing/coalescer.ts';

interface Stored {
  readonly id: number;
}
type Store = (items: readonly string[], priority: number) => Promise<Stored>;

const coalescer = (store: Store, more: { maxItems?: number; maxWaitMs?: number; maxPending?: number } = {}) =>
  new Coalescer<string, Stored>({
    queue: 'coalescing',
    maxItems: 3,
    maxWaitMs: 50,
    store,
    now: () => Date.now(),
    ...more,
  });

describe('a coalescer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Notes what is stored; answers at once. */
  const notes = (): { readonly store: Store; readonly jobs: (readonly string[])[] } => {
    const jobs: (readonly string[])[] = [];
    const store: Store = async (items) => ({ id: jobs.push(items) });
    return { store, jobs };
  };

  it('makes a job as soon as there are enough items', async () => {
    const { store, jobs } = notes();
    const items = coalescer(store);
    const adding = ['a', 'b', 'c'].map(async (item) => items.add(item, { bytes: 1 }));
    expect(await Promise.all(adding)).toEqual([1, 1, 1].map((id) => ({ id, items: 3 })));
    expect(jobs).toEqual([['a', 'b', 'c']]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('makes a job of what there is when the oldest item has waited long enough, and not before', async () => {
    const { store, jobs } = notes();
    const items = coalescer(store);
    const first = items.add('a', { bytes: 1 });
    await vi.advanceTimersByTimeAsync(30);
    const second = items.add('b', { bytes: 1 });
    await vi.advanceTimersByTimeAsync(19);
    expect(jobs).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(jobs).toEqual([['a', 'b']]);
    expect(await Promise.all([first, second])).toEqual([1, 1].map((id) => ({ id, items: 2 })));
  });

  it('puts the most urgent items first, and the job is as urgent as they are', async () => {
    const stored: [readonly string[], number][] = [];
    const items = coalescer(async (batch, priority) => ({ id: stored.push([batch, priority]) }), { maxItems: 4 });
    const adding = [
      items.add('low', { bytes: 1, priority: 'low' }),
      items.add('normal', { bytes: 1 }),
      items.add('high', { bytes: 1, priority: 'high' }),
      items.add('normal too', { bytes: 1 }),
    ];
    await Promise.all(adding);
    expect(stored).toEqual([[['high', 'normal', 'normal too', 'low'], 1]]);
  });

  it('stores the most urgent of the items that gathered while the store was slow, and each in its time', async () => {
    const slow = Promise.withResolvers<void>();
    const jobs: (readonly string[])[] = [];
    const items = coalescer(
      async (batch) => {
        const id = jobs.push(batch);
        await slow.promise;
        return { id };
      },
      { maxItems: 1 },
    );
    const adding = ['1', '2', '3', '4', '5 low', '6 high'].map(async (item) =>
      items.add(item, { bytes: 1, priority: item.endsWith('low') ? 'low' : item.endsWith('high') ? 'high' : 'normal' }),
    );
    expect(jobs).toHaveLength(4);
    expect(items.pending).toEqual({ batches: 5, jobs: 6 });
    slow.resolve();
    await Promise.all(adding);
    expect(jobs.slice(4)).toEqual([['6 high'], ['5 low']]);
  });

  it('answers nobody before the item is stored, and everybody when it cannot be', async () => {
    const outcome = Promise.withResolvers<Stored>();
    const items = coalescer(async () => outcome.promise);
    let answered = 0;
    const adding = ['a', 'b', 'c'].map(async (item) => items.add(item, { bytes: 1 }).finally(() => (answered += 1)));
    await vi.advanceTimersByTimeAsync(1000);
    expect(answered).toBe(0);
    outcome.reject(new Error('away'));
    expect((await Promise.allSettled(adding)).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'rejected',
    ]);
  });

  it('refuses items beyond its bound, in words, until others were answered', async () => {
    const items = coalescer(async () => ({ id: 1 }), { maxPending: 2 });
    const adding = ['a', 'b'].map(async (item) => items.add(item, { bytes: 1 }));
    await expect(items.add('c', { bytes: 1 })).rejects.toMatchObject({ code: 'QUEUE_BUSY', status: 503 });
    await vi.advanceTimersByTimeAsync(50);
    await Promise.all(adding);
    const later = items.add('c', { bytes: 1 });
    await vi.advanceTimersByTimeAsync(50);
    expect(await later).toEqual({ id: 1, items: 1 });
  });

  it('keeps jobs small: a batch ends before its data are too large, and a large item goes by itself', async () => {
    const { store, jobs } = notes();
    const items = coalescer(store, { maxItems: 100 });
    const adding = ['a', 'b', 'c'].map(async (item) => items.add(item, { bytes: 300 * 1024 }));
    adding.push(items.add('large', { bytes: 900 * 1024 }));
    await vi.advanceTimersByTimeAsync(50);
    await Promise.all(adding);
    expect(jobs).toEqual([['a'], ['b'], ['c'], ['large']]);
  });

  it('stores what waits when it is closed, and takes no more', async () => {
    const { store, jobs } = notes();
    const items = coalescer(store);
    const adding = items.add('a', { bytes: 1 });
    await items.close();
    expect(jobs).toEqual([['a']]);
    expect(await adding).toEqual({ id: 1, items: 1 });
    await expect(items.add('b', { bytes: 1 })).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
  });

  it('stores every item once, in jobs of at most as many as it may, within the time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ gapMs: fc.nat(30), priority: fc.constantFrom('high', 'normal', 'low') }), {
          maxLength: 40,
        }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 60 }),
        async (arrivals, maxItems, maxWaitMs) => {
          const addedAt = new Map<string, number>();
          const jobs: (readonly string[])[] = [];
          const items = coalescer(
            async (batch) => {
              for (const item of batch) expect(Date.now() - (addedAt.get(item) ?? 0)).toBeLessThanOrEqual(maxWaitMs);
              return { id: jobs.push(batch) };
            },
            { maxItems, maxWaitMs },
          );
          const adding: Promise<unknown>[] = [];
          for (const [n, { gapMs, priority }] of arrivals.entries()) {
            await vi.advanceTimersByTimeAsync(gapMs);
            addedAt.set(String(n), Date.now());
            adding.push(items.add(String(n), { bytes: 1, priority }));
          }
          await vi.advanceTimersByTimeAsync(maxWaitMs);
          await Promise.all(adding);
          expect(jobs.flat().sort()).toEqual(arrivals.map((_, n) => String(n)).sort());
          expect(jobs.every((batch) => batch.length <= maxItems)).toBe(true);
          expect(items.pending).toEqual({ batches: 0, jobs: 0 });
        },
      ),
      { numRuns: 50 },
    );
  });
});
