import { takeFromRateLog, type RateLogChunk } from '@holdfast/redis-core';
import { eventually, Latch, uniquePrefix, useRedis } from '@holdfast/testing';
import fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues, type QueueBackend } from '../../src/index.ts';
import { StartLimit } from '../../src/consuming/start-limit.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import { runSql } from '../fixtures/database-pages.ts';

const define = (name: string, rateLimit: { max: number; durationMs: number }) =>
  defineQueue({
    name,
    description: 'For the test.',
    payload: Type.Object({ n: Type.Integer() }),
    attempts: 1,
    timeoutMs: 60_000,
    retention: { completed: {}, failed: {} },
    concurrency: 6,
    rateLimit,
  });
const limited = define('limited', { max: 4, durationMs: 1000 });
const slow = define('slow', { max: 1, durationMs: 100 });

describe.each(['redis', 'embedded'])('the rate limit of a queue on the %s backend', (kind) => {
  let backend: QueueBackend;
  let queues: Queues;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-rate-limit-'));
    const { host, port } = useRedis();
    backend =
      kind === 'redis'
        ? createRedisBackend({ target: { kind: 'standalone', host, port }, keyPrefix: uniquePrefix('rate-limit') })
        : await createEmbeddedBackend({ directory });
    queues = new Queues({ backend, definitions: [limited, slow] });
  });
  afterAll(async () => {
    await queues.close();
    await backend.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('lets no more jobs start in any span of its length, over all workers', async () => {
    const { max, durationMs } = { max: 4, durationMs: 1000 };
    const starts: number[] = [];
    const all = new Latch(16);
    const consumers = [0, 1].map(
      () =>
        new Consumer({
          backend,
          definition: limited,
          handler: async ({ data }) => {
            starts.push(performance.now());
            all.open();
            // Some run longer than the span, and some end at once.
            await delay((data.n % 4) * 400);
          },
        }),
    );
    for (const consumer of consumers) await consumer.start();
    // So that they begin in the middle of a span, and come in two crowds.
    for (let n = 0; n < 16; n += 1) {
      await queues.add('limited', { data: { n } });
      if (n === 2) await delay(800);
    }
    await all.wait();
    for (const consumer of consumers) await consumer.close({ timeoutMs: 10_000 });
    expect(starts).toHaveLength(16);
    starts.sort((a, b) => a - b);
    for (const [place, first] of starts.entries()) {
      const next = starts[place + max];
      if (next !== undefined) expect(next - first).toBeGreaterThan(durationMs);
    }
  });

  it('goes on when the span is over, also while a job runs long', async () => {
    const long = new Latch();
    const ended: number[] = [];
    const consumer = new Consumer({
      backend,
      definition: slow,
      handler: async ({ data }) => {
        if (data.n === 0) await long.wait();
        ended.push(data.n);
      },
    });
    await consumer.start();
    for (const n of [0, 1, 2, 3]) await queues.add('slow', { data: { n } });
    // One that is late on a busy machine waits for its turn, so the order is not that of the queue.
    await eventually(() => expect(ended.toSorted((a, b) => a - b)).toEqual([1, 2, 3]));
    long.open();
    await consumer.close({ timeoutMs: 10_000 });
    expect(ended.at(-1)).toBe(0);
  });

  it.runIf(kind === 'embedded')('keeps its log in PGlite by the rule of the one in Redis', async () => {
    const calls = fc.array(
      fc.record({
        afterMs: fc.integer({ min: -3, max: 30 }),
        ago: fc.option(fc.integer({ min: 0, max: 120 }), { nil: undefined }),
        ask: fc.boolean(),
      }),
      { maxLength: 40 },
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 64, max: 90 })),
        fc.integer({ min: 1, max: 100 }),
        calls,
        async (limit, perMs, list) => {
          const queue = `rule-${(run += 1)}`;
          let now = 1000;
          let log: readonly RateLogChunk[] = [];
          for (const { afterMs, ago, ask } of list) {
            now += afterMs;
            const since = ago === undefined ? undefined : now - ago;
            const [row] = ask
              ? await runSql(backend, 'limited', 'SELECT holdfast_start_wait($1, $2, $3, $4) AS wait', [
                  queue,
                  limit,
                  perMs,
                  now,
                ])
              : await runSql(backend, 'limited', 'SELECT holdfast_count_start($1, $2, $3, $4, $5) AS wait', [
                  queue,
                  limit,
                  perMs,
                  since ?? null,
                  now,
                ]);
            const decision = takeFromRateLog(
              log,
              { amount: 1, limit, perMs, ...(!ask && since !== undefined && { since }) },
              now,
            );
            expect(Number(row?.['wait'])).toBe(decision.waitMs);
            if (!ask && decision.taken) log = decision.chunks;
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('a start that comes later than it was let', () => {
  const limit = { max: 1, durationMs: 10_000 };
  const signal = (): AbortSignal => new AbortController().signal;

  it('is not counted again when it is in time, by a twentieth of the span', async () => {
    const start = new StartLimit({
      limit,
      registry: { countStart: () => Promise.reject(new Error('asked')) },
      onError: (error) => {
        throw error;
      },
    });
    expect(start.counted).toEqual({ max: 1, durationMs: 10_500 });
    await start.begin(1000, 499, signal);
  });

  it('moves its place in the log when it is late, and is counted before it begins where that may no longer count', async () => {
    const asked: number[] = [];
    const waits = [0, 5, 0];
    const start = new StartLimit({
      limit,
      registry: {
        countStart: async (_limit, since) => {
          asked.push(since);
          return waits.shift() ?? 0;
        },
      },
      onError: () => undefined,
    });
    await start.begin(1000, 600, signal);
    expect(asked).toEqual([1000]);
    await start.begin(2000, 11_000, signal);
    expect(asked).toEqual([1000, 2000, 2000]);
  });

  it('begins in the end where its store is too slow for the span', async () => {
    let asked = 0;
    const start = new StartLimit({
      limit: { max: 1, durationMs: 10 },
      registry: {
        countStart: async () => {
          asked += 1;
          await delay(50);
          return 0;
        },
      },
      onError: () => undefined,
    });
    await start.begin(1000, 100, signal);
    // The last one goes beside the work.
    expect(asked).toBe(4);
  });

  it('does not wait for a store that is away, and begins nothing that was told to stop', async () => {
    const errors: Error[] = [];
    const start = new StartLimit({
      limit,
      registry: { countStart: () => Promise.reject(new Error('away')) },
      onError: (error) => errors.push(error),
    });
    await start.begin(1000, 6000, signal);
    expect(errors.map(({ message }) => message)).toEqual(['away']);
    await expect(start.begin(1000, 6000, () => AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  });
});
