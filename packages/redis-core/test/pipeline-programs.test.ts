import { type RedisCluster, type RedisServer, startCluster, startRedis, uniquePrefix } from '@holdfast/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, MemoryEngine, pipeline, type PipelineOperation, type RedisEngine } from '../src/index.ts';
import { calm } from './contract/calm.ts';
import { type DocumentedUpstash, startDocumentedUpstash } from './documented-upstash.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd');
const value = fc.uint8Array({ maxLength: 6 });
const field = fc.constantFrom('f', 'g');
const operation: fc.Arbitrary<PipelineOperation> = fc.oneof(
  fc.record({ op: fc.constant('get' as const), key }),
  fc.record({ op: fc.constant('set' as const), key, value, nx: fc.boolean() }),
  fc.record({ op: fc.constant('set' as const), key, value, pxMs: fc.integer({ min: 1_000_000, max: 2_000_000 }) }),
  fc.record({ op: fc.constant('del' as const), key }),
  fc.record({ op: fc.constant('pexpire' as const), key, ttlMs: fc.integer({ min: 1_000_000, max: 2_000_000 }) }),
  fc.record({ op: fc.constant('hset' as const), key, fields: fc.dictionary(field, value, { minKeys: 1 }) }),
  fc.record({ op: fc.constant('hincrby' as const), key, field, by: fc.integer({ min: -3, max: 3 }) }),
  fc.record({
    op: fc.constant('zadd' as const),
    key,
    members: fc.array(fc.record({ member: fc.constantFrom('m', 'n'), score: fc.constantFrom(1, -0.5, Infinity) }), {
      minLength: 1,
      maxLength: 3,
    }),
  }),
  fc.record({ op: fc.constant('zrem' as const), key, members: fc.tuple(fc.constantFrom('m', 'n')) }),
);

function placed(prefix: string, one: PipelineOperation): PipelineOperation {
  return one.op === 'run' ? one : { ...one, key: `${prefix}:${one.key}` };
}

/** What each operation replied, and what is there in the end. */
async function outcome(on: RedisEngine, prefix: string, results: readonly unknown[]): Promise<unknown> {
  const state: unknown[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const at = `${prefix}:${name}`;
    const [text] = await on.mget([at]);
    const settled = await Promise.allSettled([
      on.hgetall(at).then((hash) => [...hash].sort(([x], [y]) => (x < y ? -1 : 1))),
      on.zrange(at, { by: 'index', start: 0, stop: -1 }),
      on.pttl(at).then((left) => (typeof left === 'number' ? 'expires' : left)),
    ]);
    state.push(text, ...settled.map((one) => (one.status === 'fulfilled' ? one.value : 'another type')));
  }
  return { results, state };
}

async function inOnePipeline(on: RedisEngine, program: readonly PipelineOperation[]): Promise<unknown> {
  const prefix = uniquePrefix('all');
  const result = await pipeline(
    on,
    program.map((one) => placed(prefix, one)),
    { batchSize: 20 },
  );
  const failed = new Map(result.errors.map(({ index, code }) => [index, code]));
  return outcome(
    on,
    prefix,
    result.results.map((reply, index) => failed.get(index) ?? reply),
  );
}

async function oneByOne(on: RedisEngine, program: readonly PipelineOperation[]): Promise<unknown> {
  const prefix = uniquePrefix('one');
  const results: unknown[] = [];
  for (const one of program) {
    const { results: replies, errors } = await pipeline(on, [placed(prefix, one)]);
    results.push(errors[0]?.code ?? replies[0]);
  }
  return outcome(on, prefix, results);
}

let redis: RedisServer;
let cluster: RedisCluster;
let upstash: DocumentedUpstash;
beforeAll(async () => {
  [redis, cluster] = await Promise.all([startRedis(), startCluster()]);
  upstash = await startDocumentedUpstash(redis);
});
afterAll(async () => {
  await upstash.close();
  await Promise.all([redis.stop(), cluster.stop()]);
});

describe('any program of operations leaves and replies the same as one by one', () => {
  const engines: readonly [string, () => RedisEngine, number][] = [
    ['memory', () => new MemoryEngine(), 300],
    [
      'ioredis',
      () => createEngine({ name: 'p', ...calm, target: { kind: 'standalone', host: redis.host, port: redis.port } }),
      100,
    ],
    [
      'a cluster',
      () => createEngine({ name: 'p', ...calm, target: { kind: 'cluster', nodes: cluster.addresses } }),
      40,
    ],
    [
      'Upstash',
      () => createEngine({ name: 'p', ...calm, target: { kind: 'upstash', url: upstash.url, token: upstash.token } }),
      25,
    ],
  ];

  test.each(engines)(
    'on %s',
    async (_name, create, numRuns) => {
      const on = create();
      try {
        await fc.assert(
          fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (program) => {
            expect(await inOnePipeline(on, program)).toEqual(await oneByOne(on, program));
          }),
          { numRuns },
        );
      } finally {
        await on.close();
      }
    },
    120_000,
  );
});
