import { describe, expect, it } from 'vitest';
import type { QueuesTest } from '../use-queues.ts';

/** What is added, what is refused, and what a duplicate is told. */
export function describeAdding(test: QueuesTest): void {
  describe('adding', () => {
    it('gives each job an id and says where it is', async () => {
      const first = await test.queues.add('adding', { data: { n: 1 } });
      const later = await test.queues.add('adding', { data: { n: 2 }, options: { delayMs: 60_000 } });
      expect(first).toMatchObject({ queue: 'adding', state: 'prioritized', duplicate: false });
      expect(later).toMatchObject({ state: 'delayed', duplicate: false });
      expect(await test.queues.get('adding', first.id)).toMatchObject({
        id: first.id,
        name: 'adding',
        state: 'prioritized',
        data: { n: 1 },
        attemptsMade: 0,
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      });
    });

    it('adds one job when 100 add the same id at once', async () => {
      const results = await Promise.all(
        Array.from({ length: 100 }, async (_, n) =>
          test.queues.add('racing', { data: { n }, options: { jobId: 'one' } }),
        ),
      );
      expect(results.filter((result) => !result.duplicate)).toHaveLength(1);
      expect((await test.queues.summary('racing')).counts.prioritized).toBe(1);
    });

    it('answers a duplicate with the state of the job that exists, whose data stays', async () => {
      const options = { jobId: 'twice' };
      await test.queues.add('twice', { data: { n: 1 }, options });
      await test.consume('twice', async () => 'done');
      await test.queues.get('twice', 'twice', { waitMs: 30_000 });
      expect(await test.queues.add('twice', { data: { n: 2 }, options })).toMatchObject({
        duplicate: true,
        state: 'completed',
      });
      expect(await test.queues.get('twice', 'twice')).toMatchObject({ data: { n: 1 }, result: 'done' });
    });

    it.each<[string, unknown, string[]]>([
      ['a wrong type, and does not convert it', { n: '1' }, ['/n']],
      ['an unknown field', { n: 1, other: true }, ['/other']],
      ['a missing field', {}, ['/n']],
      ['no data', undefined, ['']],
      ['what is not JSON', { n: 1n }, ['']],
    ])('refuses %s', async (_what, data, paths) => {
      const error: unknown = await test.queues.add('invalid', { data }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'JOB_INVALID', status: 422 });
      expect((error as { issues: { path: string }[] }).issues.map((issue) => issue.path)).toEqual(paths);
    });

    it('refuses data of more than a megabyte', async () => {
      await expect(test.queues.add('invalid', { data: { n: 1, tag: 'x'.repeat(1_100_000) } })).rejects.toMatchObject({
        code: 'JOB_TOO_LARGE',
        status: 413,
      });
    });

    it.each<[string, object]>([
      ['attempts', { attempts: 0 }],
      ['attempts', { attempts: 101 }],
      ['attempts', { attempts: 1.5 }],
      ['attempts', { attempts: '3' }],
      ['delayMs', { delayMs: -1 }],
      ['delayMs', { delayMs: 366 * 86_400_000 }],
      ['priority', { priority: 0 }],
      ['priority', { priority: 'urgent' }],
      ['priority', { priority: 2_097_152 }],
      ['timeoutMs', { timeoutMs: 0 }],
      ['timeoutMs', { timeoutMs: 86_400_001 }],
      ['jobId', { jobId: '' }],
      ['jobId', { jobId: '123' }],
      ['jobId', { jobId: 'a:b' }],
      ['jobId', { jobId: 'x'.repeat(129) }],
      ['backoff', { backoff: { type: 'fixed', delayMs: -1 } }],
      ['backoff', { backoff: { type: 'other', delayMs: 1 } }],
    ])('refuses wrong %s: %o', async (name, options) => {
      await expect(test.queues.add('options', { data: { n: 1 }, options })).rejects.toMatchObject({
        code: 'JOB_OPTIONS_INVALID',
        status: 400,
        issues: [{ path: `/options/${name}` }],
      });
    });

    it('does not know a queue that was not declared', async () => {
      await expect(test.queues.add('nope', { data: {} })).rejects.toMatchObject({ code: 'QUEUE_UNKNOWN', status: 404 });
    });
  });
}
