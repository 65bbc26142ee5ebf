import { ok } from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { Cache, L1Cache } from '@holdfast/cache';
import { createEngine, createKeys } from '@holdfast/redis-core';
import { eventually, startRedis } from '@holdfast/testing';
import { Redis } from 'ioredis';
import { median } from '../load.ts';
import { valueOf } from './value.ts';

/**
 * What does a call cost in processor time, layer by layer: the client, the engine, the cache, and Redis? For 64 callers.
 * Says more than throughput on a machine that others use as well. `--only 'L2 get' --count 60000 --rounds 5`
 */
const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    count: { type: 'string', default: '30000' },
    rounds: { type: 'string', default: '5' },
  },
});
const CALLERS = 64;
const KEYS = 1000;
const BULK = 10_000;
const TTL_MS = 600_000;

const server = await startRedis();
const { host, port } = server;
const redis = new Redis({ host, port, enableAutoPipelining: true, protocol: 2 });
const engine = createEngine({ name: 'cost', target: { kind: 'standalone', host, port } });
await engine.time();
const keys = createKeys('holdfast');
const tier = new L1Cache(engine);
await eventually(() => ok(tier.isTracked));
const withL1 = new Cache({ engine, keys, namespace: 'l1', ttlMs: TTL_MS }, { l1: tier });
const withoutL1 = new Cache(
  { engine, keys, namespace: 'withoutL1', ttlMs: TTL_MS },
  { l1: new L1Cache(engine, { maxBytes: 0 }) },
);

let turn = 0;
let unique = 0;
const next = (): string => `k${(turn = (turn + 1) % KEYS)}`;
const plain = (key: string): string => `plain:${key}`;
const text = (): string => JSON.stringify(valueOf(turn));
const parse = (stored: unknown): unknown => JSON.parse(String(stored)) as unknown;
const items = Array.from({ length: BULK }, (_, index) => ({ key: `k${index}`, value: valueOf(index) }));
const itemKeys = items.map(({ key }) => key);

async function pipelineSet(): Promise<unknown> {
  const pipeline = redis.pipeline();
  for (const { key, value } of items) pipeline.set(plain(key), JSON.stringify(value), 'PX', TTL_MS);
  return pipeline.exec();
}

async function pipelineGet(): Promise<unknown> {
  const pipeline = redis.pipeline();
  for (const key of itemKeys) pipeline.get(plain(key));
  return ((await pipeline.exec()) ?? []).map(([, stored]) => parse(stored));
}

async function plainLoad(): Promise<void> {
  const key = plain(`u${(unique += 1)}`);
  await redis.get(key);
  await redis.set(key, text(), 'PX', TTL_MS);
}

/** `keys`: how many one call is about. */
const rows: readonly { readonly name: string; readonly act: () => Promise<unknown>; readonly keys?: number }[] = [
  { name: 'ioredis GET', act: () => redis.getBuffer(plain(next())) },
  { name: 'ioredis GET, JSON', act: async () => parse(await redis.get(plain(next()))) },
  { name: 'engine get', act: () => engine.get(keys.cache('withoutL1', next())) },
  { name: 'L2 read', act: () => withoutL1.read(next()) },
  { name: 'L2 get', act: () => withoutL1.get(next()) },
  { name: 'L1 read', act: () => withL1.read(next()) },
  { name: 'L1 get', act: () => withL1.get(next()) },
  { name: 'ioredis SET, JSON', act: () => redis.set(plain(next()), text(), 'PX', TTL_MS) },
  { name: 'engine set', act: () => engine.set(`${next()}:raw`, text(), { pxMs: TTL_MS }) },
  { name: 'cache set', act: () => withL1.set(next(), valueOf(turn)) },
  { name: 'ioredis load', act: plainLoad },
  { name: 'cache load', act: () => withL1.getOrSet(`u${(unique += 1)}`, () => Promise.resolve(valueOf(unique))) },
  { name: 'ioredis bulk set', act: pipelineSet, keys: BULK },
  { name: 'cache bulk set', act: () => withoutL1.setMany(items), keys: BULK },
  { name: 'ioredis bulk get', act: pipelineGet, keys: BULK },
  { name: 'cache bulk get', act: () => withoutL1.getMany(itemKeys), keys: BULK },
];

async function fill(): Promise<void> {
  await Promise.all([withoutL1.setMany(items), withL1.setMany(items), pipelineSet()]);
  for (let index = 0; index < KEYS; index += 1) await withL1.get(`k${index}`);
}

async function redisProcessorTime(): Promise<number> {
  const info = await redis.info('cpu');
  const part = (name: string): number => Number(new RegExp(`used_cpu_${name}:([\\d.]+)`).exec(info)?.[1]);
  return (part('user') + part('sys')) * 1e6;
}

async function call(act: () => Promise<unknown>, count: number, callers: number): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await act();
    }
  };
  await Promise.all(Array.from({ length: callers }, lane));
}

const asked = rows.filter(({ name }) => name.includes(options.only));
const measured = new Map(asked.map(({ name }) => [name, { client: [] as number[], redis: [] as number[] }]));
await fill();
for (let round = -1; round < Number(options.rounds); round += 1) {
  for (const { name, act, keys: size = 1 } of asked) {
    const count = size > 1 ? 8 : Number(options.count);
    const redisBefore = await redisProcessorTime();
    const before = process.cpuUsage();
    await call(act, count, size > 1 ? 1 : CALLERS);
    const { user, system } = process.cpuUsage(before);
    const redisAfter = await redisProcessorTime();
    if (name.endsWith('load')) {
      await redis.flushall();
      await fill();
    }
    if (round < 0) continue; // the first round only warms up
    measured.get(name)?.client.push((user + system) / (count * size));
    measured.get(name)?.redis.push((redisAfter - redisBefore) / (count * size));
  }
}
console.log('\nprocessor time a call (of bulk: a key), µs, median\n\n| | this process | Redis |\n|---|---:|---:|');
for (const [name, { client, redis: ofRedis }] of measured) {
  console.log(`| ${name} | ${median(client).toFixed(2)} | ${median(ofRedis).toFixed(2)} |`);
}
tier.close();
redis.disconnect();
await engine.close();
await server.stop();
