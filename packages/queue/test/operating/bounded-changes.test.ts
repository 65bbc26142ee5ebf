import { boundedWork, InnerWork, startRedis, type RedisServer } from '@holdfast/testing';
import { Redis } from 'ioredis';
import { Type } from 'typebox';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRedisBackend, defineQueue, Queues, RetentionSweeper } from '../../src/index.ts';

const total = 10_000;
/** How many there are in each state. */
const each = total / 5;

const definition = defineQueue({
  name: 'many',
  description: 'Has many jobs.',
  payload: Type.Object({ n: Type.Integer() }),
  attempts: 1,
  timeoutMs: 10_000,
  concurrency: 1,
  retention: { completed: {}, failed: {} },
});

/** Written as BullMQ writes them. With `true` each that has not ended is a child that a parent waits for. */
const fill = `
  local states = {'wait', 'prioritized', 'delayed', 'completed', 'failed'}
  local prefix = KEYS[1]
  redis.call('FLUSHALL')
  for n = 1, tonumber(ARGV[1]) do
    local id, state = 'job-' .. n, states[n % 5 + 1]
    redis.call('HSET', prefix .. id, 'name', 'one', 'data', '{"n":' .. n .. '}', 'timestamp', 1e12 + n, 'opts', '{}', 'priority', 10,
      'delay', 0, 'atm', 1, 'finishedOn', 1700000000000, 'deid', id)
    redis.call('SET', prefix .. 'de:' .. id, id)
    redis.call('RPUSH', prefix .. id .. ':logs', 'a line')
    if ARGV[2] == 'true' and n % 5 < 3 then
      local parent = 'parent-' .. n
      redis.call('HSET', prefix .. id, 'parentKey', prefix .. parent, 'parent',
        cjson.encode({id = parent, queueKey = prefix:sub(1, -2), fpof = true}))
      redis.call('HSET', prefix .. parent, 'name', 'parent', 'data', '{}', 'timestamp', n, 'opts', '{}')
      redis.call('SADD', prefix .. parent .. ':dependencies', prefix .. id)
      redis.call('ZADD', prefix .. 'waiting-children', n, parent)
    end
    if state == 'wait' then
      redis.call('LPUSH', prefix .. state, id)
    elseif state == 'prioritized' then
      redis.call('ZADD', prefix .. state, 10 * 0x100000000 + n, id)
    else
      redis.call('ZADD', prefix .. state, state == 'delayed' and 4e12 * 0x1000 or 1700000000000, id)
    end
  end`;

describe.each([false, true])('changing many jobs, those that wait with a parent each: %s', (haveParents) => {
  let server: RedisServer;
  let redis: Redis;
  let queues: Queues;
  let work: InnerWork;
  let most = { commands: 0, elements: 0 };

  beforeAll(async () => {
    server = await startRedis();
    const { host, port } = server;
    redis = new Redis({ host, port });
    const backend = createRedisBackend({ target: { kind: 'standalone', host, port } });
    queues = new Queues({ backend, definitions: [definition] });
    work = await InnerWork.on(server.url);
    await queues.summary('many');
  });
  beforeEach(async () => {
    await redis.eval(fill, 1, 'holdfast:jobs:{many}:many:', total, String(haveParents));
    most = { commands: 0, elements: 0 };
  });
  afterAll(async () => {
    work.close();
    await redis.quit();
    await queues.close();
    await server.stop();
  });

  /** Replies what the call does, once each of its commands did little. */
  const within = async <Reply>(call: () => Promise<Reply>): Promise<Reply> => {
    const { reply, commands } = await work.of(call);
    for (const one of commands) {
      most = { commands: Math.max(most.commands, one.commands), elements: Math.max(most.elements, one.elements) };
      expect(one.commands, one.argv.slice(0, 4).join(' ')).toBeLessThanOrEqual(boundedWork.commands);
      expect(one.elements, one.largest.argv.slice(0, 6).join(' ')).toBeLessThanOrEqual(boundedWork.elements);
    }
    return reply;
  };

  it('drains them', async () => {
    expect(await within(async () => queues.admin.drain('many', { delayed: true }))).toBe(3 * each);
    expect((await queues.summary('many')).counts).toMatchObject({
      waiting: 0,
      prioritized: 0,
      delayed: 0,
      waitingChildren: 0,
      failed: haveParents ? 4 * each : each,
    });
    // Nothing is left of those that are gone.
    expect(await redis.exists('holdfast:jobs:{many}:many:job-5', 'holdfast:jobs:{many}:many:job-5:logs')).toBe(0);
  });

  it.each(['completed', 'failed', 'waiting', 'prioritized', 'delayed'] as const)(
    'cleans those that are %s',
    async (state) => {
      expect(await within(async () => queues.admin.clean('many', { state, olderThanMs: 1000, limit: 1500 }))).toBe(
        1500,
      );
    },
  );

  it.each(['waiting', 'prioritized', 'delayed'] as const)(
    'reads nothing but the ages of those that are %s and young',
    async (state) => {
      expect(await within(async () => queues.admin.clean('many', { state, olderThanMs: 1.5e12 }))).toBe(0);
      // An age of each, and some to find them: 400 a command.
      expect(most.commands).toBeLessThanOrEqual(420);
    },
  );

  it('redrives them, and cleans dead letters, by their ids as well', async () => {
    expect(await within(async () => queues.redrive('many', { limit: 900 }))).toMatchObject({
      redriven: 900,
      remaining: each - 900,
    });
    const ids = (await queues.deadLetters('many', { limit: 100 })).jobs.map(({ id }) => id);
    expect(await within(async () => queues.redrive('many', { ids: [...ids, 'nobody'] }))).toMatchObject({
      redriven: 100,
      failed: 1,
    });
    const others = (await queues.deadLetters('many', { limit: 100 })).jobs.map(({ id }) => id);
    expect(await within(async () => queues.cleanDeadLetters('many', { ids: others }))).toMatchObject({ removed: 100 });
    expect(await within(async () => queues.cleanDeadLetters('many', { limit: 500 }))).toEqual({
      removed: 500,
      remaining: each - 1600,
    });
  });

  it('sweeps what retention does not keep', async () => {
    const { host, port } = server;
    const backend = createRedisBackend({ target: { kind: 'standalone', host, port } });
    const retention = { completed: { ageMs: 1000 }, failed: { count: 100 } };
    const sweeper = new RetentionSweeper({ backend, definitions: [{ ...definition, retention }] });
    expect(await within(async () => sweeper.sweep())).toBe(2 * each - 100);
    await backend.close();
  });

  it('removes, cancels and promotes one of them', async () => {
    for (const id of ['job-1', 'job-2', 'job-3', 'job-4']) {
      expect(await within(async () => queues.admin.remove('many', id))).toBe(true);
    }
    expect(await within(async () => queues.cancel('many', 'job-6'))).toBe('waiting');
    expect(await within(async () => queues.admin.promote('many', 'job-7'))).toBe(true);
  });
});
