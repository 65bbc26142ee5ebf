import { createEngine, MemoryEngine, type RedisEngine } from '@holdfast/redis-core';
import { uniquePrefix, useRedis } from '@holdfast/testing';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { accessFlush, accessTop } from '../src/access-scripts.ts';
import { recencyUpdate } from '../src/recency-script.ts';
import { calm } from './engines.ts';

const { host, port, db } = useRedis();
const redis = createEngine({ name: 'scripts', ...calm, target: { kind: 'standalone', host, port, db } });
const memory = new MemoryEngine();
afterAll(() => Promise.all([redis.close(), memory.close()]));

const key = fc.constantFrom('a', 'b', 'c', 'é', '__proto__');
const time = fc.integer({ min: 0, max: 50 }).map((minutes) => String(Date.UTC(2026, 0, 1) + minutes * 60_000));
const expiry = fc.oneof(fc.constant('0'), time);
const counts = fc.array(fc.tuple(key, fc.integer({ min: 1, max: 9 }).map(String), time), {
  minLength: 1,
  maxLength: 5,
});

const step = fc.oneof(
  fc.record({
    kind: fc.constant('flush' as const),
    limit: fc.integer({ min: 1, max: 4 }),
    recency: fc.boolean(),
    counts,
  }),
  fc.record({ kind: fc.constant('top' as const), limit: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    kind: fc.constant('update' as const),
    now: time,
    bound: fc.integer({ min: 0, max: 3 }),
    limit: fc.integer({ min: 1, max: 3 }),
    writes: fc.array(fc.tuple(key, time, expiry), { maxLength: 4 }),
    removals: fc.array(fc.tuple(key, time), { maxLength: 3 }),
  }),
);

async function replyOf(
  engine: RedisEngine,
  at: (name: string) => string,
  todo: typeof step extends fc.Arbitrary<infer Step> ? Step : never,
): Promise<unknown> {
  switch (todo.kind) {
    case 'flush': {
      const sets = ['hits', 'last', ...(todo.recency ? ['recency'] : [])].map(at);
      return engine.run(accessFlush, sets, [String(todo.limit), '3600000', ...todo.counts.flat()]);
    }
    case 'top':
      return engine.run(accessTop, [at('hits'), at('last')], [String(todo.limit)]);
    case 'update': {
      const numbers = [todo.now, todo.bound, todo.limit, todo.writes.length].map(String);
      const args = [...numbers, ...todo.writes.flat(), ...todo.removals.flat()];
      return engine.run(recencyUpdate, [at('recency'), at('expiry')], args);
    }
  }
}

test('any program of the scripts about use gets the same replies from memory as from Redis', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (program) => {
      const prefix = uniquePrefix('use');
      const at = (name: string): string => `${prefix}:${name}`;
      for (const [index, todo] of program.entries()) {
        expect(await replyOf(memory, at, todo), `step ${index}: ${JSON.stringify(todo)}`).toEqual(
          await replyOf(redis, at, todo),
        );
      }
      for (const name of ['hits', 'last', 'recency', 'expiry']) {
        const all = { by: 'index', start: 0, stop: -1 } as const;
        expect(await memory.zrange(at(name), all)).toEqual(await redis.zrange(at(name), all));
        const [left, right] = [await memory.pttl(at(name)), await redis.pttl(at(name))];
        expect(typeof left).toBe(typeof right);
      }
    }),
    { numRuns: 150 },
  );
});
