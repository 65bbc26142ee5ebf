import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Queues, type AddJob, type QueueBackend } from '../../src/index.ts';
import { producingQueue } from './producing-queue.ts';

const names = ['many', 'mixed', 'spread', 'aborted', 'large', 'ordered'];

/** Adding many jobs in one call, on every backend. */
export function describeAddMany(kind: string, create: () => Promise<QueueBackend>): void {
  describe(`adding many jobs on the ${kind} backend`, () => {
    let backend: QueueBackend;
    let queues: Queues;

    beforeAll(async () => {
      backend = await create();
      queues = new Queues({ backend, definitions: names.map((name) => producingQueue(name)) });
    });
    afterAll(async () => queues.close());

    const jobs = (count: number): AddJob[] => Array.from({ length: count }, (_, n) => ({ data: { n } }));

    it('answers for each, in the order given', async () => {
      const progress: number[] = [];
      const result = await queues.addMany('many', jobs(230), { onProgress: (done) => progress.push(done) });
      expect(result).toMatchObject({ accepted: 230, duplicates: 0, rejected: 0 });
      expect(result.items.map(({ index }) => index)).toEqual(Array.from({ length: 230 }, (_, n) => n));
      expect(progress.at(-1)).toBe(230);
      expect((await queues.summary('many')).counts.prioritized).toBe(230);
      const last = result.items[229]?.id ?? '';
      expect(await queues.get('many', last)).toMatchObject({ data: { n: 229 } });
    });

    it('adds what can be added, and says of the others why not', async () => {
      const result = await queues.addMany('mixed', [
        { data: { n: 0 }, options: { jobId: 'same' } },
        { data: { n: 'x' } },
        { data: { n: 2 }, options: { attempts: 0 } },
        { data: { n: 3 }, options: { jobId: 'same' } },
        { data: { n: 4, text: 'x'.repeat(1_100_000) } },
        { data: { n: 5 }, options: { deduplication: { id: 'd' } } },
        { data: { n: 6 }, options: { deduplication: { id: 'd' } } },
        { data: { n: 7 }, options: { delayMs: 60_000 } },
        { data: { n: 8 }, name: 'no\0' },
        { data: { n: 9 }, name: 'half \ud800' },
      ]);
      expect(result).toMatchObject({ accepted: 3, duplicates: 2, rejected: 5 });
      expect(result.items).toMatchObject([
        { status: 'accepted', id: 'same' },
        { status: 'rejected', error: { code: 'JOB_INVALID' } },
        { status: 'rejected', error: { code: 'JOB_OPTIONS_INVALID', issues: [{ path: '/options/attempts' }] } },
        { status: 'duplicate', id: 'same' },
        { status: 'rejected', error: { code: 'JOB_TOO_LARGE' } },
        { status: 'accepted' },
        { status: 'duplicate', id: result.items[5]?.id },
        { status: 'accepted' },
        { status: 'rejected', error: { code: 'JOB_OPTIONS_INVALID', issues: [{ path: '/name' }] } },
        { status: 'rejected', error: { code: 'JOB_OPTIONS_INVALID', issues: [{ path: '/name' }] } },
      ]);
      expect((await queues.summary('mixed')).counts).toMatchObject({ prioritized: 2, delayed: 1 });
    });

    it('spreads them evenly over a time, behind their own delays', async () => {
      const spread = [...jobs(3), { data: { n: 3 }, options: { delayMs: 60_000 } }];
      const { items } = await queues.addMany('spread', spread, { spreadMs: 40_000 });
      const stored = await Promise.all(
        items.map(async ({ id = '' }) => backend.open('spread').call((queue) => queue.getJob(id))),
      );
      expect(stored.map((job) => job?.delay)).toEqual([0, 10_000, 20_000, 90_000]);
      expect(new Set(stored.map((job) => job?.timestamp)).size).toBe(1);
      expect((await queues.summary('spread')).counts).toMatchObject({ prioritized: 1, delayed: 3 });
    });

    it('ends when its caller goes, and says which were not added', async () => {
      const caller = new AbortController();
      const result = await queues.addMany('aborted', jobs(2000), {
        signal: caller.signal,
        onProgress: () => caller.abort(),
      });
      expect(result.accepted).toBeGreaterThan(0);
      expect(result.rejected).toBeGreaterThan(0);
      expect(result.items.at(-1)).toMatchObject({ status: 'rejected', error: { code: 'JOB_ADD_ABORTED' } });
      expect((await queues.summary('aborted')).counts.prioritized).toBe(result.accepted);
    });

    it('takes large jobs one by one', async () => {
      const large = Array.from({ length: 5 }, (_, n) => ({ data: { n, text: 'x'.repeat(400_000) } }));
      expect(await queues.addMany('large', large)).toMatchObject({ accepted: 5 });
    });

    it('keeps their order', async () => {
      const { items } = await queues.addMany('ordered', jobs(400));
      const ids = await backend.open('ordered').call(async (queue) => {
        const waiting = await queue.getJobs(['prioritized'], 0, -1, true);
        return waiting.map((job) => job.id);
      });
      expect(ids).toEqual(items.map(({ id }) => id));
    });

    it.each<[string, AddJob[], object, string]>([
      ['a spread beyond a year', [], { spreadMs: 366 * 86_400_000 }, '/spread'],
      ['a negative spread', [], { spreadMs: -1 }, '/spread'],
      ['more than 10 000 jobs', jobs(10_001), {}, '/jobs'],
    ])('refuses %s as a whole', async (_what, list, options, path) => {
      await expect(queues.addMany('many', list, options)).rejects.toMatchObject({
        code: 'JOB_OPTIONS_INVALID',
        issues: [{ path }],
      });
    });

    it('does nothing for no jobs', async () => {
      expect(await queues.addMany('many', [])).toEqual({ accepted: 0, duplicates: 0, rejected: 0, items: [] });
    });
  });
}
