import { monitor, startRedis, type Monitor, type RedisServer } from '@holdfast/testing';
import { Redis } from 'ioredis';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisBackend, defineQueue, Queues } from '../../src/index.ts';

const total = 20_000;
const definitions = [
  defineQueue({
    name: 'long',
    description: 'Has many jobs.',
    payload: Type.Object({ n: Type.Integer() }),
    attempts: 1,
    timeoutMs: 10_000,
    concurrency: 1,
    retention: { completed: {}, failed: {} },
  }),
];

/** Written as BullMQ writes them; adding so many one by one would take most of the time of this file. */
describe(`a queue with ${total} jobs`, () => {
  const prefix = 'holdfast:jobs:{long}:long:';
  let server: RedisServer;
  let redis: Redis;
  let queues: Queues;
  let watch: Monitor;

  beforeAll(async () => {
    server = await startRedis();
    const { host, port } = server;
    redis = new Redis({ host, port });
    queues = new Queues({ backend: createRedisBackend({ target: { kind: 'standalone', host, port } }), definitions });
    await redis.eval(
      `for n = 1, ${total} do
         local id = 'job-' .. n
         redis.call('HSET', KEYS[1] .. id, 'name', n % 1000 == 0 and 'rare' or 'common', 'data', '{"n":' .. n .. '}', 'timestamp', n, 'finishedOn', n, 'atm', 1)
         -- Ten in the same millisecond, as happens when jobs are short.
         redis.call('ZADD', KEYS[1] .. 'failed', math.floor(n / 10), id)
         redis.call('LPUSH', KEYS[1] .. 'wait', id)
       end`,
      1,
      prefix,
    );
    watch = await monitor(server.url);
  });
  afterAll(async () => {
    await watch.stop();
    await redis.quit();
    await queues.close();
    await server.stop();
  });

  it.each(['failed', 'waiting'] as const)('is listed in full by its state %s, each job once', async (state) => {
    const seen = new Set<string>();
    let listed = 0;
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await queues.admin.list('long', { state, limit: 1000, ...(cursor !== undefined && { cursor }) });
      for (const { id } of page.jobs) seen.add(id);
      listed += page.jobs.length;
      ({ cursor } = page);
    }
    expect(listed).toBe(total);
    expect(seen.size).toBe(total);
  });

  // How long it takes is measured by `benchmarks/blocking.ts`.
  it('costs one command a page, which looks at no more at its end than at its beginning', async () => {
    const list = async (state: 'failed' | 'waiting', cursor?: string): Promise<{ calls: number; inside: number }> => {
      await queues.admin.list('long', { state, limit: 100, ...(cursor !== undefined && { cursor }) });
      await watch.settle();
      const counted = { calls: watch.count(), inside: watch.scriptCommands().length };
      for (const [name = '', , from, to] of watch.scriptCommands()) {
        // Lists and sorted sets are read a piece at a time.
        if (/range$/i.test(name)) expect(Math.abs(Number(to) - Number(from))).toBeLessThanOrEqual(2000);
      }
      watch.reset();
      return counted;
    };
    const at = (state: string, place: number, id: string): string =>
      Buffer.from(`${state}\n${place}\n${id}`).toString('base64url');
    for (const [state, middle] of [
      ['failed', at('failed', total / 20, `job-${total / 2}`)],
      ['waiting', at('waiting', total / 2, `job-${total / 2 + 1}`)],
    ] as const) {
      await queues.admin.list('long', { state, limit: 1 }); // so that Redis knows the script
      await watch.settle();
      watch.reset();
      const first = await list(state);
      const later = await list(state, middle);
      expect([first.calls, later.calls], state).toEqual([1, 1]);
      expect(later.inside, state).toBeLessThanOrEqual(first.inside + 20);
    }
  });

  it('is searched for a name in pages of bounded size', async () => {
    const names: number[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await queues.admin.list('long', {
        state: 'failed',
        name: 'rare',
        ...(cursor !== undefined && { cursor }),
      });
      names.push(page.jobs.length);
      ({ cursor } = page);
    }
    expect(names.reduce((sum, count) => sum + count, 0)).toBe(total / 1000);
    expect(names.length).toBeGreaterThanOrEqual(total / 2000);
  });
});
