import { eventually, PlainRedis, uniquePrefix, useRedis } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, afterEach, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues, type Handler } from '../../src/index.ts';

const { host, port, url } = useRedis();
const keyPrefix = uniquePrefix('joined');
const definitions = ['quick', 'computing'].map((name) =>
  defineQueue({
    name,
    description: `For the test of ${name} handlers.`,
    payload: Type.Object({}),
    attempts: 1,
    timeoutMs: 60_000,
    concurrency: 20,
    retention: { completed: {}, failed: {} },
  }),
);
const backend = createRedisBackend({ target: { kind: 'standalone', host, port }, keyPrefix });
const queues = new Queues({ backend, definitions });
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map(async (close) => close()));
});
afterAll(async () => queues.close());

/** Runs so many jobs, and replies when each was completed by the clock of Redis, in milliseconds. */
async function completions(queue: string, count: number, handler: Handler): Promise<number[]> {
  await queues.addMany(
    queue,
    Array.from({ length: count }, () => ({ data: {} })),
  );
  const consumer = new Consumer({ backend, definition: queues.definition(queue), handler });
  closers.push(async () => consumer.close({ timeoutMs: 2000 }));
  await consumer.start();
  await eventually(async () => expect((await queues.summary(queue)).counts.completed).toBe(count), {
    timeoutMs: 60_000,
  });
  const redis = await PlainRedis.connect(url);
  const events = (await redis.send('XRANGE', `${backend.prefixOf(queue)}:${queue}:events`, '-', '+')) as [
    string,
    string[],
  ][];
  redis.close();
  return events.filter(([, fields]) => fields[1] === 'completed').map(([id]) => Number(id.split('-')[0]));
}

/** Redis counts one read for all that a client sent together. */
async function reads(): Promise<number> {
  const redis = await PlainRedis.connect(url);
  const info = String(await redis.send('INFO', 'stats'));
  redis.close();
  return Number(/total_reads_processed:(\d+)/.exec(info)?.[1]);
}

it('what many quick jobs came to is sent together', async () => {
  const before = await reads();
  const ends = await completions('quick', 2000, () => 'done');
  expect(ends).toHaveLength(2000);
  // One for each would be 2000.
  expect((await reads()) - before).toBeLessThan(1500);
});

it('what a job came to does not wait for all others, where handlers keep the event loop', async () => {
  const ends = await completions('computing', 40, () => {
    const until = performance.now() + 25;
    while (performance.now() < until);
    return 'done';
  });
  // Sent together they would come in four heaps: two rounds of 20 handlers, and the first of each.
  const heaps = ends.filter((at, place) => at - (ends[place - 1] ?? 0) >= 10);
  expect(heaps.length).toBeGreaterThanOrEqual(8);
});
