import { createEngine, createKeys, MemoryEngine, type RedisEngine, type Script } from '@holdfast/redis-core';
import { uniquePrefix, useRedis } from '@holdfast/testing';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { encodeEntry } from '../src/entry.ts';
import { cacheEvict } from '../src/evict-script.ts';
import { keepingIndex } from '../src/index-script.ts';
import { recencyMissing, recencyUpdate } from '../src/recency-script.ts';
import { cacheWrite } from '../src/write-script.ts';
import { calm } from './engines.ts';

const { host, port, db } = useRedis();
const redis = createEngine({ name: 'scripts', ...calm, target: { kind: 'standalone', host, port, db } });
const memory = new MemoryEngine();
afterAll(() => Promise.all([redis.close(), memory.close()]));

const START = 1_790_000_000_000;
/** Names that are encoded in keys, in parts or not at all. */
const names = ['a', 'b:c', '50% {é}', '*', '😀 x'];
const name = fc.constantFrom(...names);
const some = fc.uniqueArray(name, { minLength: 1, maxLength: 4 });
const entry = (at: number): string =>
  Buffer.from(
    encodeEntry(
      {
        body: 'x',
        contentType: 'text/plain',
        createdAt: at,
        softExpiresAt: null,
        expiresAt: null,
        tags: [],
        origin: null,
        negative: false,
      },
      null,
    ),
  ).toString();
const step = fc.record({
  advanceMs: fc.constantFrom(0, 1, 1000, 70_000),
  kind: fc.constantFrom('write', 'write', 'evict', 'remove behind its back', 'foreign', 'update'),
  some,
  // Longer than the test runs: only the index says that something has expired.
  ttlMs: fc.constantFrom(0, 3_600_000),
  usedAgoMs: fc.constantFrom(0, 500),
});

test('names and entries go together: any program leaves the same in memory as in Redis', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (program) => {
      const keys = createKeys(uniquePrefix('index'));
      const sets = [keys.access('ns', 'recency'), keys.access('ns', 'expiry')];
      const prefix = keys.cachePrefix('ns');
      let now = START;
      for (const { advanceMs, kind, some: wanted, ttlMs, usedAgoMs } of program) {
        now += advanceMs;
        const complete = wanted.map((one) => keys.cache('ns', one));
        const value = entry(now);
        const both = async (act: (engine: RedisEngine) => Promise<unknown>): Promise<void> =>
          expect(await act(memory), kind).toEqual(await act(redis));
        const run = (script: Script, args: readonly string[]): Promise<void> =>
          both((engine) => engine.run(keepingIndex(script), [...complete, ...sets], [...args, prefix, String(now)]));
        if (kind === 'write') await run(cacheWrite, ['', ...complete.flatMap(() => [String(ttlMs), value])]);
        if (kind === 'evict') {
          const times = complete.map(() => String(now - usedAgoMs));
          // How long one stays is of two clocks.
          await Promise.all(
            [memory, redis].map((engine) =>
              engine.run(keepingIndex(cacheEvict), [...complete, ...sets], [...times, prefix, String(now)]),
            ),
          );
        }
        if (kind === 'remove behind its back') await both((engine) => engine.del(complete));
        if (kind === 'foreign') await both((engine) => engine.set(complete[0] ?? '', 'HFLtoken--1'));
        if (kind === 'update') await both((engine) => engine.run(recencyUpdate, sets, [String(now), '2', '3', '0']));
        if (kind === 'write' || kind === 'evict') {
          const held = await redis.mget(complete);
          const missing = await redis.run(recencyMissing, sets.slice(0, 1), wanted);
          const isEntry = held.map((bytes) => ['HF1', 'HFL'].includes(bytes?.subarray(0, 3).toString() ?? ''));
          expect(wanted.map((_, place) => !missing.includes(place))).toEqual(isEntry);
        }
        await both((engine) => engine.run(recencyMissing, sets.slice(0, 1), names));
      }
      const all = { by: 'index', start: 0, stop: -1 } as const;
      const [recency = '', expiry = ''] = sets;
      expect(await memory.zrange(recency, all)).toEqual(await redis.zrange(recency, all));
      const expiring = async (engine: RedisEngine): Promise<string[]> =>
        (await engine.zrange(expiry, all)).map(({ member }) => member).toSorted();
      expect(await expiring(memory)).toEqual(await expiring(redis));
    }),
    { numRuns: 100 },
  );
});

test('a foreign type in the place of the index fails no write', async () => {
  const keys = createKeys(uniquePrefix('index'));
  const sets = [keys.access('ns', 'recency'), keys.access('ns', 'expiry')] as const;
  const args = ['', '0', entry(START), keys.cachePrefix('ns'), String(START)];
  await redis.set(sets[0], 'foreign');
  expect(await redis.run(keepingIndex(cacheWrite), [keys.cache('ns', 'a'), ...sets], args)).toEqual([0]);
  expect((await redis.mget([keys.cache('ns', 'a')]))[0]).not.toBeNull();
});
