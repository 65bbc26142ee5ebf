import { boundedWork, InnerWork, startRedis, type RedisServer } from '@holdfast/testing';
import { Redis } from 'ioredis';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisBackend, defineQueue, Queues } from '../../src/index.ts';

const sizes = { short: 1_000, long: 20_000 } as const;
type Length = keyof typeof sizes;

const definitions = Object.keys(sizes).map((name) =>
  defineQueue({
    name,
    description: 'Has many jobs.',
    payload: Type.Object({ n: Type.Integer() }),
    attempts: 1,
    timeoutMs: 10_000,
    concurrency: 1,
    retention: { completed: {}, failed: {} },
  }),
);

/** Written as BullMQ writes them: a fifth of the jobs in each state, those that have ended all in one millisecond. */
const fill = `
  local states = {'wait', 'prioritized', 'delayed', 'completed', 'failed'}
  for n = 1, tonumber(ARGV[1]) do
    local id, state = 'job-' .. n, states[n % 5 + 1]
    redis.call('HSET', KEYS[1] .. id, 'name', n % 1000 < 5 and 'rare' or 'common', 'data', '{"n":' .. n .. '}', 'timestamp', n,
      'opts', '{}', 'priority', 10, 'delay', 0, 'atm', 1, 'finishedOn', 1700000000000)
    if state == 'wait' then
      redis.call('LPUSH', KEYS[1] .. state, id)
    elseif state == 'prioritized' then
      redis.call('ZADD', KEYS[1] .. state, 10 * 0x100000000 + n, id)
    else
      redis.call('ZADD', KEYS[1] .. state, state == 'delayed' and 4e12 * 0x1000 or 1700000000000, id)
    end
  end
  for n = 1, 2000 do
    local id = 'running-' .. n
    redis.call('HSET', KEYS[1] .. id, 'name', 'common', 'data', '{"n":1}', 'timestamp', n, 'opts', '{}')
    redis.call('LPUSH', KEYS[1] .. 'active', id)
    if n % 10 > 0 then
      redis.call('SET', KEYS[1] .. id .. ':lock', 'token')
    end
  end`;

describe('what a call has Redis do before it serves anybody else', () => {
  let server: RedisServer;
  let redis: Redis;
  let queues: Queues;
  let work: InnerWork;

  beforeAll(async () => {
    server = await startRedis();
    const { host, port } = server;
    redis = new Redis({ host, port });
    queues = new Queues({ backend: createRedisBackend({ target: { kind: 'standalone', host, port } }), definitions });
    for (const [name, size] of Object.entries(sizes)) {
      await redis.eval(fill, 1, `holdfast:jobs:{${name}}:${name}:`, size);
    }
    work = await InnerWork.on(server.url);
  });
  afterAll(async () => {
    work.close();
    await redis.quit();
    await queues.close();
    await server.stop();
  });

  const all = async (
    queue: string,
    state: 'waiting' | 'prioritized' | 'delayed' | 'failed' | 'active',
  ): Promise<void> => {
    const seen = new Set<string>();
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await queues.admin.list(queue, { state, limit: 1000, ...(cursor !== undefined && { cursor }) });
      for (const { id } of page.jobs) seen.add(id);
      ({ cursor } = page);
    }
    expect(seen.size).toBe(state === 'active' ? 2000 : sizes[queue as Length] / 5);
  };
  const behind = (state: string, place: number, id: string): string =>
    Buffer.from(`${state}\n${place}\n${id}`).toString('base64url');
  const jobsOf = (count: number, id: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => ({ data: { n }, options: { jobId: id(n) } }));

  it.each<[what: string, call: (queue: Length) => Promise<unknown>]>([
    ['the waiting jobs, in pages of 1000', async (queue) => all(queue, 'waiting')],
    ['the prioritized jobs', async (queue) => all(queue, 'prioritized')],
    ['the delayed jobs', async (queue) => all(queue, 'delayed')],
    ['the jobs that have failed', async (queue) => all(queue, 'failed')],
    ['the jobs that run', async (queue) => all(queue, 'active')],
    [
      'a page behind a job that is gone, among jobs that ended at the same time',
      async (queue) => queues.admin.list(queue, { cursor: behind('completed', 1700000000000, 'job-5x') }),
    ],
    [
      'a page behind a waiting job that is gone',
      async (queue) => queues.admin.list(queue, { cursor: behind('waiting', sizes[queue] / 10, 'gone') }),
    ],
    [
      'jobs of a name that few have',
      async (queue) => queues.admin.list(queue, { state: 'failed', name: 'rare', limit: 1000 }),
    ],
    ['a waiting job', async (queue) => queues.get(queue, `job-${sizes[queue] / 2}`)],
    ['a job that there is not', async (queue) => queues.get(queue, 'nobody')],
    ['a job that runs, whose lock has ended', async (queue) => queues.get(queue, 'running-2000')],
    ['its numbers', async (queue) => queues.summary(queue)],
    ['an add', async (queue) => queues.add(queue, { data: { n: 1 } })],
    [
      'an add of 1000 jobs',
      async (queue) =>
        queues.addMany(
          queue,
          jobsOf(1000, (n) => `new-${n}`),
        ),
    ],
    [
      'an add of 1000 delayed jobs',
      async (queue) =>
        queues.addMany(
          queue,
          jobsOf(1000, (n) => `later-${n}`).map((job) => ({ ...job, options: { ...job.options, delayMs: 60_000 } })),
        ),
    ],
    [
      'an add of 1000 jobs that wait already',
      async (queue) =>
        queues.addMany(
          queue,
          jobsOf(1000, (n) => `job-${5 * Math.floor(n / 5) + 5}`),
        ),
    ],
    [
      'an add of 1000 jobs that run already',
      async (queue) =>
        queues.addMany(
          queue,
          jobsOf(1000, (n) => `running-${n + 1}`),
        ),
    ],
    [
      'an add of 1000 jobs whose de-duplication id has a job that runs',
      async (queue) => {
        const deduplication = { id: 'runs', mode: 'keepLastIfActive' } as const;
        await redis.set(`holdfast:jobs:{${queue}}:${queue}:de:runs`, 'running-1');
        const { duplicates } = await queues.addMany(
          queue,
          Array.from({ length: 1000 }, (_, n) => ({ data: { n }, options: { deduplication } })),
        );
        expect(duplicates).toBe(1000);
        expect(await redis.hget(`holdfast:jobs:{${queue}}:${queue}:dn:runs`, 'data')).toBe('{"n":999}');
      },
    ],
    [
      'an add with a de-duplication id that is taken',
      async (queue) => {
        for (let n = 0; n < 2; n += 1) {
          await queues.add(queue, { data: { n }, options: { deduplication: { id: 'taken', ttlMs: 60_000 } } });
        }
      },
    ],
  ])('%s: much the same in a long queue as in a short one, and little', async (what, call) => {
    const most = { short: 0, long: 0 };
    for (const length of ['short', 'long'] as const) {
      const { commands } = await work.of(async () => call(length));
      most[length] = Math.max(...commands.map((each) => each.commands));
      for (const each of commands) {
        expect(each.commands, each.argv.slice(0, 4).join(' ')).toBeLessThanOrEqual(boundedWork.commands);
        expect(each.elements, each.largest.argv.slice(0, 6).join(' ')).toBeLessThanOrEqual(boundedWork.elements);
      }
    }
    // A search by halves takes some steps more among twenty times as many.
    if (what !== 'jobs of a name that few have') expect(most.long).toBeLessThanOrEqual(most.short + 10);
  });
});
