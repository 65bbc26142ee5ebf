import { redisCommand, uniquePrefix, useRedis } from '@holdfast/testing';
import { Queue } from 'bullmq';
import fc from 'fast-check';
import { Type } from 'typebox';
import { afterAll, describe, expect, it } from 'vitest';
import { createRedisBackend, Queues, type JobOptions } from '../../src/index.ts';
import { storedOptions } from '../../src/job/job-options.ts';
import type { Priority } from '../../src/job/priority.ts';
import { producingQueue } from './producing-queue.ts';

const { host, port, db, url } = useRedis();
const keyPrefix = uniquePrefix('form');
const definition = producingQueue('ours', { payload: Type.Unknown(), backoff: { type: 'exponential', delayMs: 100 } });
const queues = new Queues({
  backend: createRedisBackend({ target: { kind: 'standalone', host, port, db: db ?? 0 }, keyPrefix }),
  definitions: [definition],
});
const plain = new Queue('plain', { connection: { host, port, db: db ?? 0 }, prefix: keyPrefix });
afterAll(async () => Promise.all([queues.close(), plain.close()]));

const optional = { requiredKeys: [] };
const options: fc.Arbitrary<Partial<JobOptions>> = fc.record(
  {
    priority: fc.constantFrom<Priority[]>('high', 'low', 1, 77, 2_000_000),
    delayMs: fc.constantFrom(1, 60_000, 86_400_000),
    attempts: fc.integer({ min: 1, max: 100 }),
    timeoutMs: fc.integer({ min: 1, max: 1_000_000 }),
    waitingTtlMs: fc.integer({ min: 1, max: 1_000_000 }),
    backoff: fc.record(
      {
        type: fc.constantFrom('fixed', 'exponential'),
        delayMs: fc.integer({ min: 0, max: 86_400_000 }),
        maxDelayMs: fc.integer({ min: 0, max: 86_400_000 }),
        // The store of BullMQ's own script keeps 14 digits.
        jitter: fc.constantFrom(0, 0.1, 0.25, 1),
      },
      { requiredKeys: ['type', 'delayMs'] },
    ),
    deduplication: fc.oneof(
      fc.record({ id: fc.uuid() }),
      fc.record({ id: fc.uuid(), ttlMs: fc.integer({ min: 60_000, max: 1_000_000 }) }),
      fc.record({ id: fc.uuid(), mode: fc.constant('keepLastIfActive' as const) }),
    ),
  },
  optional,
);
const job = fc.record({
  id: fc.uuid(),
  name: fc.oneof(fc.constant('ours'), fc.string({ minLength: 1, maxLength: 128, unit: 'grapheme' })),
  data: fc.jsonValue(),
  options,
});

/** All that is stored of a job, but for when; BullMQ also keeps an id of the caller's in the options. */
async function storedAs(prefix: string, id: string): Promise<unknown> {
  const flat = (await redisCommand(url, 'HGETALL', `${prefix}:${id}`)) as string[];
  const fields = Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, n) => [flat[2 * n], flat[2 * n + 1]]));
  const { jobId: _, ...opts } = JSON.parse(fields['opts'] ?? '{}') as Record<string, unknown>;
  return { ...fields, opts, timestamp: Number(fields['timestamp']) > 0 };
}

describe('a job that is added', () => {
  it('is stored as BullMQ itself would store it', async () => {
    const prefixes = [`${keyPrefix}:{ours}:ours`, `${keyPrefix}:plain`];
    await fc.assert(
      fc.asyncProperty(fc.array(job, { minLength: 1, maxLength: 5 }), async (jobs) => {
        const wanted = jobs.filter(({ name }) => name.length <= 128 && name.isWellFormed() && !name.includes('\0'));
        const { items } = await queues.addMany(
          'ours',
          wanted.map(({ id, name, data, options: own }) => ({ name, data, options: { ...own, jobId: id } })),
        );
        for (const [index, { id, name, data, options: own }] of wanted.entries()) {
          // What cannot be stored is refused; that is another test.
          if (items[index]?.status !== 'accepted') continue;
          await plain.add(name, data, { ...storedOptions(definition, own), jobId: id });
          const [ours, theirs] = await Promise.all(prefixes.map(async (prefix) => storedAs(prefix, id)));
          expect(ours).toEqual(theirs);
          expect(ours).toMatchObject({ data: JSON.stringify(data) });
        }
      }),
      { numRuns: 50 },
    );
    const [ours, theirs] = await Promise.all(prefixes.map(async (prefix) => keyKinds(prefix)));
    expect(ours).toEqual(theirs);
  });
});

/** The kinds of keys that a queue has, and how many of each. */
async function keyKinds(prefix: string): Promise<Record<string, number>> {
  const keys = (await redisCommand(url, 'KEYS', `${prefix}:*`)) as string[];
  const kinds = keys.map((key) => key.slice(prefix.length + 1).replace(/^(de:)?[0-9a-f-]{36}$/, '$1id'));
  return Object.fromEntries(
    [...new Set(kinds)].sort().map((kind) => [kind, kinds.filter((one) => one === kind).length]),
  );
}
