/**
 * How long does one command keep Redis from others, in a namespace with a million entries, in a call that adds 10,000 jobs, and in
 * a list of 100,000? Redis serves nobody else while its main thread is at work for a command. Beside each: what plain commands for
 * as much cost on the same server in the same run. In processor time of Redis, as other programs on the machine change that less.
 */
import { Cache, CacheRegistry } from '@holdfast/cache';
import { createRedisBackend, defineQueue, Queues } from '@holdfast/queue';
import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { PlainRedis, RedisCostMeter, startRedis } from '@holdfast/testing';
import { Queue } from 'bullmq';
import { Type } from 'typebox';

/** An engine's calls that are one command each. */
const single = new Set(['get', 'mget', 'set', 'del', 'hget', 'pexpire', 'run', 'scan', 'zcard', 'zrange']);
const ENTRIES = 1_000_000;
const patient = { commandTimeoutMs: 60_000, probeIntervalMs: 0, trackingHeartbeatMs: 60_000 };

const server = await startRedis();
const { host, port } = server;
const target = { kind: 'standalone', host, port } as const;
const meter = await RedisCostMeter.connect(server.url);
console.log('| | commands | median, ms | 99th, ms | most, ms | median of plain ones |\n|---|---:|---:|---:|---:|---:|');
await cache();
await queue();
meter.close();
await server.stop();

async function cache(): Promise<void> {
  const keys = createKeys('blocking');
  await fill(keys.access('ns', 'recency'), keys.access('ns', 'expiry'), keys.cachePrefix('ns'));
  const plain = createEngine({ name: 'blocking', target, ...patient });
  await plain.time();
  const costs = new Map<string, number[]>();
  const registry = new CacheRegistry({
    engine: metered(plain, costs),
    keys,
    namespaces: { ns: { ttlMs: 3_600_000, maxEntries: ENTRIES - 20_000 } },
  });
  const entries = registry.get('ns');
  for (let at = 0; at < 2000; at += 1) await entries.set(`new ${at}`, at);
  for (let at = 0; at < 100; at += 1) {
    await entries.getMany(Array.from({ length: 200 }, (_, index) => String(at * 9000 + index * 40)));
  }
  const other = new Cache({ engine: metered(plain, costs), keys, namespace: 'ns', ttlMs: null });
  for (let cursor: string | null | undefined, page = 0; cursor !== null && page < 100; page += 1) {
    ({ cursor } = await other.list({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) }));
  }
  await registry.close();
  const names = Array.from({ length: 100 }, (_, index) => keys.cache('ns', String(500_000 + index)));
  const yardstick = await medianOf(20, () => plain.mget(names));
  for (const [name, list] of costs) print(`a million entries: ${name}`, list, yardstick, 'MGET of 100');
  await plain.close();
  await server.command('FLUSHALL');
}

async function queue(): Promise<void> {
  const text = 'x'.repeat(1000);
  const definition = defineQueue({
    name: 'blocking',
    description: 'For the benchmark.',
    payload: Type.Object({ n: Type.Integer(), text: Type.String() }),
    attempts: 1,
    timeoutMs: 1000,
    retention: { completed: {}, failed: {} },
    concurrency: 1,
  });
  const backend = createRedisBackend({ target, commandTimeoutMs: 60_000 });
  const queues = new Queues({ backend, definitions: [definition] });
  const bullmq = new Queue('plain', { connection: { host, port } });
  await bullmq.waitUntilReady();
  const fifty = Array.from({ length: 50 }, (_, n) => ({ n, text }));
  const peer = await medianOf(40, () =>
    bullmq.addBulk(fifty.map((data) => ({ name: 'job', data, opts: { priority: 10 } }))),
  );
  const adding: number[] = [];
  // One command a call: what a call of 10,000 sends 200 of.
  for (let call = 0; call < 200; call += 1) {
    adding.push(
      (
        await meter.measure(() =>
          queues.addMany(
            'blocking',
            fifty.map((data) => ({ data })),
          ),
        )
      ).costMs,
    );
  }
  print('10,000 jobs of 1 KB, 50 a command', adding, peer, "BullMQ's addBulk of 50");
  for (let call = 0; call < 10; call += 1) {
    await queues.addMany(
      'blocking',
      Array.from({ length: 9000 }, (_, n) => ({ data: { n, text: '' } })),
    );
  }
  const pages: number[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const options = { limit: 100, ...(cursor !== undefined && { cursor }) };
    const { reply, costMs } = await meter.measure(() => queues.admin.list('blocking', options));
    pages.push(costMs);
    ({ cursor } = reply);
  }
  const first = await medianOf(40, () => bullmq.getJobs(['prioritized'], 0, 99));
  print('100,000 jobs, a page of 100', pages, first, "BullMQ's getJobs of the first 100");
  await bullmq.close();
  await queues.close();
}

/** In Redis itself, so that it takes seconds. */
async function fill(recency: string, expiry: string, prefix: string): Promise<void> {
  const redis = await PlainRedis.connect(server.url);
  const script = `
    for i = tonumber(ARGV[2]), tonumber(ARGV[2]) + 4999 do
      redis.call('SET', ARGV[1] .. i, 'HF1')
      redis.call('ZADD', KEYS[1], i, tostring(i))
      redis.call('ZADD', KEYS[2], 4e12 + i, tostring(i))
    end`;
  for (let base = 0; base < ENTRIES; base += 5000) {
    await redis.send('EVAL', script, '2', recency, expiry, prefix, String(base));
  }
  redis.close();
}

/** `engine`, with what each of its calls cost Redis, by method. */
function metered(engine: RedisEngine, costs: Map<string, number[]>): RedisEngine {
  return new Proxy(engine, {
    get(of, property) {
      const member: unknown = Reflect.get(of, property, of);
      if (typeof member !== 'function') return member;
      const call = (...args: unknown[]): unknown => Reflect.apply(member, of, args);
      if (!single.has(String(property))) return call;
      return async (...args: unknown[]) => {
        const { reply, costMs } = await meter.measure(async () => call(...args));
        costs.set(String(property), [...(costs.get(String(property)) ?? []), costMs]);
        return reply;
      };
    },
  });
}

async function medianOf(rounds: number, act: () => Promise<unknown>): Promise<number> {
  const costs: number[] = [];
  for (let round = 0; round < rounds; round += 1) costs.push((await meter.measure(act)).costMs);
  return at(costs, 0.5);
}

function at(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(part * (values.length - 1))] ?? Number.NaN;
}

function print(what: string, costs: readonly number[], plain: number, peer: string): void {
  const [median, high, most] = [0.5, 0.99, 1].map((part) => at(costs, part).toFixed(2));
  const ratio = (at(costs, 0.5) / plain).toFixed(2);
  console.log(`| ${what} | ${costs.length} | ${median} | ${high} | ${most} | ${ratio} of ${peer} |`);
}
