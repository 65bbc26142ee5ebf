import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NewJob } from '../../src/job/new-job.ts';
import type { AddJob, Deduplication, DeduplicationMode, JobOptions } from '../../src/index.ts';
import { checkJobOptions, checkOnce, storedOptions } from '../../src/job/job-options.ts';
import { addMany, maxCommandsUnderWay } from '../../src/producing/add-many.ts';
import { producingQueue } from './producing-queue.ts';

const day = 86_400_000;
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const name = fc.stringMatching(/^[A-Za-z._~-][A-Za-z0-9._~-]{8,40}$/);

const deduplication: fc.Arbitrary<Deduplication> = fc.oneof(
  fc.record({ id: name }),
  fc.record({ id: name, mode: fc.constantFrom('simple' as const, 'keepLastIfActive' as const) }),
  fc.record({ id: name, ttlMs: fc.integer({ min: 1, max: 365 * day }) }),
  fc.record({
    id: name,
    mode: fc.constantFrom('throttle' as const, 'debounce' as const, 'reschedule' as const),
    ttlMs: fc.integer({ min: 1, max: 365 * day }),
  }),
);

const validOptions = fc.record({
  jobId: optional(name),
  priority: optional(
    fc.oneof(
      fc.constantFrom('high' as const, 'normal' as const, 'low' as const),
      fc.integer({ min: 1, max: 2_097_151 }),
    ),
  ),
  delayMs: optional(fc.integer({ min: 1, max: 365 * day })),
  attempts: optional(fc.integer({ min: 1, max: 100 })),
  timeoutMs: optional(fc.integer({ min: 1, max: day })),
  waitingTtlMs: optional(fc.integer({ min: 1, max: 365 * day })),
  backoff: optional(
    fc.record({
      type: fc.constantFrom('fixed' as const, 'exponential' as const),
      delayMs: fc.integer({ min: 0, max: day }),
    }),
  ),
  deduplication: optional(deduplication),
}) as fc.Arbitrary<JobOptions>;

const definition = producingQueue('options', { waitingTtlMs: 5000 });

const problemsWith = (options: unknown): { readonly code?: string; readonly paths: string[] } => {
  try {
    checkJobOptions(options as JobOptions);
    return { paths: [] };
  } catch (error) {
    const { code, issues } = error as { code: string; issues: { path: string }[] };
    return { code, paths: issues.map(({ path }) => path) };
  }
};

describe('the options of a job', () => {
  it('are taken when all are in range, and stored as BullMQ has them', () => {
    fc.assert(
      fc.property(validOptions, (options) => {
        expect(problemsWith(options).paths).toEqual([]);
        const stored = storedOptions(definition, options);
        expect(stored.attempts).toBe(options.attempts ?? 1);
        expect(stored.waitingTtlMs).toBe(options.waitingTtlMs ?? 5000);
        expect(stored.priority).toBeGreaterThanOrEqual(1);
        expect(stored.delay === undefined || stored.delay > 0).toBe(true);
        expect(stored.deduplication?.id).toBe(options.deduplication?.id);
      }),
    );
  });

  const optionNames = [
    'jobId',
    'priority',
    'delayMs',
    'attempts',
    'timeoutMs',
    'waitingTtlMs',
    'backoff',
    'deduplication',
  ];

  it('are refused with their path when they are anything else', () => {
    fc.assert(
      fc.property(validOptions, fc.constantFrom(...optionNames), fc.anything(), (options, wrong, value) => {
        const { code, paths } = problemsWith({ ...options, [wrong]: value });
        expect([undefined, 'JOB_OPTIONS_INVALID']).toContain(code);
        // Nothing but the wrong one is complained of; whatever is let through can be stored.
        expect(paths.filter((path) => !path.startsWith(`/options/${wrong}`) && path !== '/options/delayMs')).toEqual(
          [],
        );
        if (paths.length === 0) storedOptions(definition, { ...options, [wrong]: value });
      }),
      { numRuns: 500 },
    );
  });

  it('are refused when they are not known, because BullMQ would keep them for nothing', () => {
    expect(problemsWith({ repeat: { every: 1000 }, lifo: true }).paths).toEqual(['/options/repeat', '/options/lifo']);
    expect(problemsWith({ toString: 1 }).paths).toEqual(['/options/toString']);
  });

  it.each([[null], [[]], ['x'], [1]])('must be an object, not %o', (options) => {
    expect(problemsWith(options)).toEqual({ code: 'JOB_OPTIONS_INVALID', paths: ['/options'] });
  });

  it.each<[string, unknown, string]>([
    ['no id', {}, '/options/deduplication/id'],
    ['an id with a colon', { id: 'a:b' }, '/options/deduplication/id'],
    ['an unknown mode', { id: 'a', mode: 'never' }, '/options/deduplication/mode'],
    ['a mode that every object has', { id: 'a', mode: 'toString' }, '/options/deduplication/mode'],
    ['throttle without a time', { id: 'a', mode: 'throttle' }, '/options/deduplication/ttlMs'],
    ['debounce without a time', { id: 'a', mode: 'debounce' }, '/options/deduplication/ttlMs'],
    ['simple with a time', { id: 'a', mode: 'simple', ttlMs: 1 }, '/options/deduplication/ttlMs'],
    ['keepLastIfActive with a time', { id: 'a', mode: 'keepLastIfActive', ttlMs: 1 }, '/options/deduplication/ttlMs'],
    ['a time of 0', { id: 'a', ttlMs: 0 }, '/options/deduplication/ttlMs'],
    ['a field of BullMQ', { id: 'a', replace: true }, '/options/deduplication/replace'],
  ])('refuse a de-duplication with %s', (_what, value, path) => {
    expect(problemsWith({ deduplication: value }).paths).toEqual([path]);
  });

  it('refuse to debounce a job that does not wait', () => {
    const options = { delayMs: 0, deduplication: { id: 'a', mode: 'debounce', ttlMs: 1000 } };
    expect(problemsWith(options).paths).toEqual(['/options/delayMs']);
  });

  it.each<[DeduplicationMode, object]>([
    ['simple', { id: 'a' }],
    ['throttle', { id: 'a', ttl: 1000 }],
    ['debounce', { id: 'a', ttl: 1000, extend: true, replace: true }],
    ['keepLastIfActive', { id: 'a', keepLastIfActive: true }],
    ['reschedule', { id: 'a', ttl: 1000, reschedule: true }],
  ])('say %s in the words of BullMQ', (mode, expected) => {
    const hasTtl = 'ttl' in expected;
    const stored = storedOptions(definition, { deduplication: { id: 'a', mode, ...(hasTtl && { ttlMs: 1000 }) } });
    expect(stored.deduplication).toEqual(expected);
    expect(stored.delay).toBe(mode === 'debounce' ? 1000 : undefined);
  });

  it.each([[{ token: '', ttlMs: 1 }], [{ token: 'a:b', ttlMs: 1 }], [{ token: 'a', ttlMs: 0 }]])(
    'refuse to add once with %o',
    (once) => expect(() => checkOnce(once)).toThrow(expect.objectContaining({ code: 'JOB_OPTIONS_INVALID' })),
  );
});

describe('adding 10 000 jobs', () => {
  it('holds few of them at a time', async () => {
    let held = 0;
    let most = 0;
    const result = await addMany(
      Array.from({ length: 10_000 }, (_, n): AddJob => ({ data: { n } })),
      {},
      {
        prepare: ({ data }): NewJob => {
          held += 1;
          most = Math.max(most, held);
          return { id: `job-${(data as { n: number }).n}`, name: 'many', data, json: '{}', options: {} };
        },
        send: async (jobs) => {
          await new Promise(setImmediate);
          held -= jobs.length;
          return jobs.map(({ job: { id } }) => ({ id, state: 'prioritized' as const, existed: false }));
        },
        endsAll: () => false,
      },
    );
    expect(result.accepted).toBe(10_000);
    expect(most).toBeLessThanOrEqual((maxCommandsUnderWay + 1) * 50);
  });
});
