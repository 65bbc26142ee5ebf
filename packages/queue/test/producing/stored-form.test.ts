import { redisCommand, uniquePrefix, useRedis } from '@holdfast/testing';
import { Queue } from 'bullmq';
import fc from 'fast-check';
import { Type } from 'typebox';
import { afterAll, describe, expect, it } from 'vitest';
import { createRedisBackend, Queues, type JobOptions } from '../../src/index.ts';
import { compact, storedOptions } from '../../src/job/job-options.ts';
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

describe('what is stored of a job', () => {
  const policy = { attempts: 3, backoff: { type: 'exponential', delayMs: 1000 } } as const;
  const rich = producingQueue('rich', {
    payload: Type.Unknown(),
    ...policy,
    priority: 'normal',
    retention: { completed: { count: 1000, ageMs: 86_400_000 }, failed: { count: 5000 } },
  });
  /** The same in BullMQ's words. */
  const plainPolicy = {
    attempts: 3,
    priority: 10,
    backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
    removeOnComplete: { count: 1000, age: 86_400 },
    removeOnFail: { count: 5000 },
  };
  // Its keys are as long as ours.
  const twin = new Queue('rich', { connection: { host, port, db: db ?? 0 }, prefix: `${keyPrefix}:{twin}` });
  const own = new Queues({
    backend: createRedisBackend({ target: { kind: 'standalone', host, port, db: db ?? 0 }, keyPrefix }),
    definitions: [rich],
  });
  afterAll(async () => Promise.all([own.close(), twin.close()]));

  it('is no more than BullMQ by itself stores for the same policy', async () => {
    const data = { to: 'ada@example.com', text: 'x'.repeat(200) };
    const jobId = '01a22b61-32fa-7bf0-a64d-7e13da5c62cb';
    await own.add('rich', { name: 'mail', data, options: { jobId } });
    await twin.add('mail', data, { ...plainPolicy, jobId });
    const keys = ['rich', 'twin'].map((tag) => `${keyPrefix}:{${tag}}:rich:${jobId}`);
    const [ours, theirs] = await Promise.all(
      keys.map(async (key) => Number(await redisCommand(url, 'MEMORY', 'USAGE', key))),
    );
    expect(ours).toBeLessThanOrEqual(theirs ?? 0);
    const [lean, plainly] = await Promise.all(keys.map(async (key) => bytesOf(key)));
    console.log(`MEMORY USAGE ${ours} and ${theirs} bytes, fields and values ${lean} and ${plainly}`);
    // BullMQ keeps the id of the caller's in the options besides.
    expect(lean).toBeLessThanOrEqual((plainly ?? 0) - `"jobId":"${jobId}",`.length);
  });

  it('says what is not as the definition says it', () => {
    const said = { attempts: 20, timeoutMs: 5, backoff: { ...policy.backoff, maxDelayMs: 3000 } };
    expect(storedOptions(rich, said)).toMatchObject({ timeoutMs: 5, backoffPolicy: said.backoff, attempts: 20 });
    // The longest wait of an hour comes after the 12th attempt.
    expect(storedOptions(rich, { attempts: 13 })).not.toHaveProperty('backoffPolicy');
    expect(storedOptions(rich, { attempts: 14 })).toHaveProperty('backoffPolicy', policy.backoff);
  });

  it('is the same for what an earlier version stored', () => {
    const earlier = {
      attempts: 3,
      priority: 10,
      timeoutMs: rich.timeoutMs,
      removeOnComplete: { count: 1000, age: 86_400 },
      removeOnFail: { count: 5000 },
      keepLogs: 1000,
      backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
      backoffPolicy: policy.backoff,
    } as const;
    expect(compact(earlier, rich)).toEqual(storedOptions(rich));
    expect(compact({ attempts: 1, priority: 1, removeOnComplete: false, removeOnFail: false }, rich)).toEqual({
      attempts: 1,
      priority: 1,
    });
  });
});

async function bytesOf(key: string): Promise<number> {
  const flat = (await redisCommand(url, 'HGETALL', key)) as string[];
  return flat.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
}

/** The kinds of keys that a queue has, and how many of each. */
async function keyKinds(prefix: string): Promise<Record<string, number>> {
  const keys = (await redisCommand(url, 'KEYS', `${prefix}:*`)) as string[];
  const kinds = keys.map((key) => key.slice(prefix.length + 1).replace(/^(de:)?[0-9a-f-]{36}$/, '$1id'));
  return Object.fromEntries(
    [...new Set(kinds)].sort().map((kind) => [kind, kinds.filter((one) => one === kind).length]),
  );
}
