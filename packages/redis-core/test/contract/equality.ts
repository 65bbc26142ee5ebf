import { uniquePrefix } from '@holdfast/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  MemoryEngine,
  type BatchOperation,
  type RedisEngine,
  type ScoredMember,
  type SortedSetRange,
} from '../../src/index.ts';
import { counterWithLimit, freshOrSwap } from './example-script.ts';

type Step =
  | { readonly kind: 'batch'; readonly operations: readonly BatchOperation[] }
  | { readonly kind: 'operation'; readonly operation: BatchOperation }
  | { readonly kind: 'hget'; readonly key: string; readonly fields: readonly string[] }
  | { readonly kind: 'hgetall' | 'zcard'; readonly key: string }
  | { readonly kind: 'hdel'; readonly key: string; readonly fields: readonly string[] }
  | { readonly kind: 'zrange'; readonly key: string; readonly range: SortedSetRange }
  | { readonly kind: 'setGet'; readonly key: string; readonly value: Uint8Array; readonly nx: boolean };

// Few keys and fields, so that operations meet; one namespace for all types, so that they meet wrong ones too.
const key = fc.constantFrom('a', 'b', 'c');
const field = fc.constantFrom('f', 'g', '__proto__', '');
const value = fc.uint8Array({ maxLength: 12 });
const amount = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.constant(1e15));
const ttlMs = fc.integer({ min: 1_000_000, max: 2_000_000 });
const score = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(Infinity, -Infinity, 0.1, 1e21, -2.5e-7));
const members = fc.array(fc.record({ member: fc.constantFrom('m', 'n', 'é', '\u{1F600}', ''), score }), {
  minLength: 1,
  maxLength: 4,
});
const position = fc.integer({ min: -6, max: 6 });
const range: fc.Arbitrary<SortedSetRange> = fc.oneof(
  fc.record({ by: fc.constant('index' as const), start: position, stop: position, reverse: fc.boolean() }),
  fc.record({ by: fc.constant('score' as const), min: score, max: score, limit: fc.nat(3), reverse: fc.boolean() }),
);

const operation: fc.Arbitrary<BatchOperation> = fc.oneof(
  fc.record({ op: fc.constant('get' as const), key }),
  fc.record({ op: fc.constant('mget' as const), keys: fc.array(key, { minLength: 1, maxLength: 3 }) }),
  fc.record({ op: fc.constant('set' as const), key, value, nx: fc.boolean() }),
  fc.record({ op: fc.constant('set' as const), key, value, pxMs: ttlMs }),
  fc.record({ op: fc.constant('del' as const), keys: fc.array(key, { minLength: 1, maxLength: 3 }) }),
  fc.record({ op: fc.constant('pexpire' as const), key, ttlMs }),
  fc.record({ op: fc.constant('pttl' as const), key }),
  fc.record({ op: fc.constant('hset' as const), key, fields: fc.dictionary(field, value, { minKeys: 1 }) }),
  fc.record({ op: fc.constant('hincrby' as const), key, field, by: amount }),
  fc.record({ op: fc.constant('zadd' as const), key, members }),
  fc.record({ op: fc.constant('zrem' as const), key, members: fc.array(fc.constantFrom('m', 'n'), { minLength: 1 }) }),
  fc.record({
    op: fc.constant('run' as const),
    script: fc.constant(counterWithLimit),
    keys: fc.tuple(key),
    args: fc.constant(['f', '3']),
  }),
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: operation.map((one): Step => ({ kind: 'operation', operation: one })) },
  {
    weight: 2,
    arbitrary: fc.array(operation, { maxLength: 6 }).map((operations): Step => ({ kind: 'batch', operations })),
  },
  fc.record({ kind: fc.constant('hget' as const), key, fields: fc.array(field, { minLength: 1 }) }),
  fc.record({ kind: fc.constant('hdel' as const), key, fields: fc.array(field, { minLength: 1 }) }),
  fc.record({ kind: fc.constantFrom('hgetall' as const, 'zcard' as const), key }),
  fc.record({ kind: fc.constant('zrange' as const), key, range }),
  fc.record({ kind: fc.constant('setGet' as const), key, value, nx: fc.boolean() }),
);

async function replyOf(engine: RedisEngine, prefix: string, todo: Step): Promise<unknown> {
  const at = (name: string): string => `${prefix}:${name}`;
  const place = (one: BatchOperation): BatchOperation =>
    'keys' in one ? { ...one, keys: one.keys.map(at) } : { ...one, key: at(one.key) };
  switch (todo.kind) {
    case 'operation':
      return engine.batch([place(todo.operation)]);
    case 'batch':
      return engine.batch(todo.operations.map(place));
    case 'hget':
      return engine.hget(at(todo.key), todo.fields);
    case 'hdel':
      return engine.hdel(at(todo.key), todo.fields);
    case 'hgetall':
      return [...(await engine.hgetall(at(todo.key)))].sort(([a], [b]) => (a < b ? -1 : 1));
    case 'zcard':
      return engine.zcard(at(todo.key));
    case 'zrange':
      return (await engine.zrange(at(todo.key), todo.range)).map(({ member, score: s }: ScoredMember) => [member, s]);
    case 'setGet':
      return engine.set(at(todo.key), todo.value, { nx: todo.nx, get: true });
  }
}

/** Errors by their class, and a time to live by whether there is one: the clocks differ by milliseconds. */
function comparable(reply: unknown): unknown {
  if (reply instanceof Error) return { error: reply.name };
  if (Array.isArray(reply)) return reply.map(comparable);
  if (typeof reply === 'number' && reply > 900_000 && reply <= 2_000_000) return 'a time to live';
  if (typeof reply === 'object' && reply !== null && !Buffer.isBuffer(reply)) {
    return Object.fromEntries(Object.entries(reply).map(([name, item]) => [name, comparable(item)]));
  }
  return reply;
}

/** Random programs of operations get the same replies from the engine as from the memory engine, step by step. */
export function describeEquality(
  name: string,
  create: () => Promise<RedisEngine>,
  options: EqualityOptions = {},
): void {
  describe(`the ${name} engine and memory`, () => {
    const memory = new MemoryEngine();
    let engine: RedisEngine;
    beforeAll(async () => {
      engine = await create();
    });
    afterAll(() => Promise.all([engine.close(), memory.close()]));

    test('give the same replies to any program of operations', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (program) => {
          const prefix = uniquePrefix('equality');
          for (const [index, todo] of program.entries()) {
            const settle = (one: RedisEngine): Promise<unknown> =>
              replyOf(one, prefix, todo).then(comparable, comparable);
            expect(await settle(memory), `step ${index}: ${JSON.stringify(todo)}`).toEqual(await settle(engine));
          }
        }),
        { numRuns: options.numRuns ?? 150 },
      );
    });

    test('give the same replies to named scripts while time moves', async () => {
      const call = fc.record({
        key: fc.constantFrom('a', 'b'),
        value: fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.string({ unit: 'binary', maxLength: 6 })),
        advanceMs: fc.nat(400),
        ttlMs: fc.integer({ min: 1, max: 500 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 25 }), async (calls) => {
          const prefix = uniquePrefix('time');
          let now = 1_700_000_000_000;
          for (const one of calls) {
            now += one.advanceMs;
            const args = [String(now), String(one.ttlMs), one.value];
            const reply = (on: RedisEngine): Promise<unknown> => on.run(freshOrSwap, [`${prefix}:${one.key}`], args);
            expect(await reply(memory)).toEqual(await reply(engine));
          }
        }),
        { numRuns: Math.ceil((options.numRuns ?? 150) / 3) },
      );
    });
  });
}

export interface EqualityOptions {
  /** Default 150. */
  readonly numRuns?: number;
}
