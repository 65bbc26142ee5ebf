import {
  createEngine,
  defineScript,
  MemoryEngine,
  type RedisEngine,
  type Script,
  type ScriptReply,
} from '@holdfast/redis-core';
import { uniquePrefix, useRedis } from '@holdfast/testing';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { encodeEntry } from '../src/entry.ts';
import { cacheCount } from '../src/count-script.ts';
import { cacheCreate } from '../src/create-script.ts';
import { cacheDelete } from '../src/delete-script.ts';
import { cacheEvict } from '../src/evict-script.ts';
import { cacheExpire } from '../src/expire-script.ts';
import { cacheFill } from '../src/fill-script.ts';
import { cacheHeads } from '../src/heads-script.ts';
import { cacheLease } from '../src/lease-script.ts';
import { cacheRefresh } from '../src/refresh-script.ts';
import { cacheRelease } from '../src/release-script.ts';
import { cacheRenewMany } from '../src/renew-many-script.ts';
import { cacheRenew } from '../src/renew-script.ts';
import { cacheSizes } from '../src/sizes-script.ts';
import { cacheTagsCheck } from '../src/tags-check-script.ts';
import { cacheTagsInvalidate } from '../src/tags-invalidate-script.ts';
import { cacheTagsRetire } from '../src/tags-retire-script.ts';
import { cacheTagsStamp } from '../src/tags-stamp-script.ts';
import { cacheWrite } from '../src/write-script.ts';
import { calm } from './engines.ts';

const { host, port, db } = useRedis();
const redis = createEngine({ name: 'scripts', ...calm, target: { kind: 'standalone', host, port, db } });
const memory = new MemoryEngine();
afterAll(() => Promise.all([redis.close(), memory.close()]));

/** Time moves with the programs: the scripts take it as an argument, so that both sides have the same. */
const START = 1_790_000_000_000;

type Step = { readonly advanceMs: number; readonly script: Script; readonly keys: readonly string[] } & {
  readonly args: (now: number) => (string | Buffer)[];
};

const key = fc.constantFrom('a', 'b');
const token = fc.constantFrom('token--1', 'token--2', 'token--3');
const tags = fc.uniqueArray(fc.constantFrom('t', 'u'), { maxLength: 2 });
const manyTags = fc.uniqueArray(fc.constantFrom('t', 'u', 'v', 'w', 'x', 'y', 'z'), { maxLength: 4 });
const ttl = fc.constantFrom('0', '1000000', '2000000');
/** Small, so that buckets overflow, and take tags for others. */
const buckets = ['bucket0', 'bucket1', 'bucket2'];
const BITS = '64';
const body = fc.constantFrom('x', 'y');
const leaseMs = fc.constantFrom('1000', '60000');
const asked = fc.constantFrom('1', 'epoch--1');
/** Entries made once: their rev is random, and both sides must get the same bytes. */
const entries = new Map<string, Buffer>();
function entryOf(text: string, named: readonly string[], seen: number | 'now'): Buffer {
  const id = JSON.stringify([text, named, seen]);
  const stamp =
    named.length === 0 ? null : seen === 'now' ? { epoch: '++++++++', seq: 0 } : { epoch: 'epoch--1', seq: seen };
  const made =
    entries.get(id) ??
    Buffer.from(
      encodeEntry(
        {
          body: text,
          contentType: 'text/plain',
          createdAt: START,
          softExpiresAt: null,
          expiresAt: null,
          tags: named,
          origin: null,
          negative: false,
        },
        stamp,
      ),
    );
  entries.set(id, made);
  return made;
}
const revOf = (bytes: Buffer): string => bytes.toString('latin1', 19, 27);

/** What an eviction by Redis does. */
const loseKey: Script<number> = defineScript({
  name: 'lose-key',
  lua: "return redis.call('DEL', KEYS[1])",
  idempotent: true,
  twin: (store, [lost = '']) => (store.del(lost) ? 1 : 0),
});

const step: fc.Arbitrary<Step> = fc
  .tuple(
    fc.constantFrom(0, 1, 500, 2000, 70_000),
    fc.oneof(
      fc.tuple(key, body, tags, ttl).map(([k, text, named, kept]) => ({
        script: cacheWrite,
        keys: named.length > 0 ? ['tags', k] : [k],
        args: () => [named.length > 0 ? 'epoch--1' : '', kept, entryOf(text, named, 'now')],
      })),
      fc.tuple(key, body, tags, ttl, fc.constantFrom('', 'x', 'y')).map(([k, text, named, kept, unserved]) => ({
        script: cacheCreate,
        keys: named.length > 0 ? ['tags', k] : [k],
        args: () => {
          const rev = unserved === '' ? '' : revOf(entryOf(unserved, [], 'now'));
          return [named.length > 0 ? 'epoch--1' : '', rev, kept, entryOf(text, named, 'now')];
        },
      })),
      key.map((k) => ({ script: cacheDelete, keys: [k], args: () => [] })),
      fc.constant({ script: cacheCount, keys: ['a', 'b'], args: (now: number) => [String(now)] }),
      fc.tuple(key, token, leaseMs, asked).map(([k, t, lease, ofTags]) => ({
        script: cacheLease,
        keys: ['tags', k],
        args: () => [ofTags, t, lease],
      })),
      fc
        .tuple(key, token, leaseMs, body, fc.constantFrom('0', '1'), asked)
        .map(([k, t, lease, text, heedsThrottle, ofTags]) => ({
          script: cacheRefresh,
          keys: ['tags', `lease-${k}`, k],
          args: () => [ofTags, t, lease, revOf(entryOf(text, [], 'now')), heedsThrottle],
        })),
      fc
        .tuple(key, token, body, tags, fc.constantFrom(0, 1, 'now' as const), fc.option(body, { nil: undefined }))
        .map(([k, t, text, named, seen, before]) => ({
          script: cacheFill,
          keys: [...(named.length > 0 ? ['tags'] : []), k, ...(before === undefined ? [] : [`lease-${k}`])],
          args: () => {
            const rev = before === undefined ? '' : revOf(entryOf(before, [], 'now'));
            const head = [named.length > 0 ? 'epoch--1' : '', t, rev, '0'];
            return [...head, entryOf(text, named, seen), String(named.length), ...named];
          },
        })),
      fc
        .tuple(key, token, fc.boolean(), fc.constantFrom('', 'HFE', 'HFR', 'HFT'), body)
        .map(([k, t, isRefresh, kind, text]) => ({
          script: cacheRelease,
          keys: [isRefresh ? `lease-${k}` : k],
          args: () => [t, kind === '' ? '' : `${kind}${t}${revOf(entryOf(text, [], 'now'))} failed`, '60000'],
        })),
      fc.tuple(token, token, leaseMs).map(([one, two, lease]) => ({
        script: cacheRenewMany,
        keys: ['a', 'b'],
        args: () => [lease, one, two],
      })),
      fc.tuple(key, token, leaseMs, body, fc.boolean()).map(([k, t, lease, text, isRefresh]) => ({
        script: cacheRenew,
        keys: isRefresh ? [`lease-${k}`, k] : [k],
        args: () => [t, lease, revOf(entryOf(text, [], 'now'))],
      })),
      fc.tuple(manyTags, fc.constantFrom('d:', 'e:')).map(([named, prefix]) => ({
        script: cacheTagsInvalidate,
        keys: ['tags'],
        args: (now: number) => ['epoch--2', String(now), prefix, ...named],
      })),
      ttl.map((kept) => ({ script: cacheTagsStamp, keys: ['tags'], args: () => ['epoch--2', kept] })),
      fc.tuple(fc.integer({ min: 1, max: 6 }), fc.constantFrom('1', '3')).map(([bound, capacity]) => ({
        script: cacheTagsRetire,
        keys: ['tags', ...buckets],
        args: (now: number) => [String(now), String(bound), '2', capacity, BITS],
      })),
      fc.array(fc.tuple(fc.nat(140_000), manyTags), { minLength: 1, maxLength: 3 }).map((asked) => ({
        script: cacheTagsCheck,
        keys: ['tags', ...buckets],
        args: () => [
          BITS,
          ...asked.flatMap(([ago, named]) => {
            const seq = (START + ago).toString(36).padStart(8, '0');
            return [`epoch--2${seq}`, String(named.length), ...named];
          }),
        ],
      })),
      fc.constantFrom('tags', ...buckets).map((lost) => ({
        script: loseKey,
        keys: [lost],
        args: () => [],
      })),
      fc.tuple(fc.constantFrom(-1, 0, 1), fc.constantFrom(-1, 0, 1)).map(([a, b]) => ({
        script: cacheEvict,
        keys: ['a', 'b'],
        args: () => [a, b].map((ms) => String(START + ms)),
      })),
      fc.constant({
        script: cacheExpire,
        keys: ['a', 'b'],
        args: () => ['rev----1'],
      }),
      fc.constantFrom<Script>(cacheHeads, cacheSizes).map((script) => ({
        script,
        keys: ['a', 'b', 'tags'],
        args: () => [],
      })),
    ),
  )
  .map(([advanceMs, rest]) => ({ advanceMs, ...rest }));

/** What is under the keys, without the leases' markers' own expiry, which only Redis' clock knows. */
async function stateOf(engine: RedisEngine, prefix: string): Promise<unknown> {
  const stored = await engine.mget(['a', 'b', 'lease-a', 'lease-b'].map((name) => prefix + name));
  const noted = await engine.zrange(`${prefix}tags`, { by: 'index', start: 0, stop: -1 });
  const filters = await engine.mget(buckets.map((name) => prefix + name));
  return { stored: [...stored, ...filters].map((bytes) => bytes?.toString('latin1')), noted };
}

test('any program of the scripts replies and leaves the same in memory as in Redis', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (program) => {
      const prefix = uniquePrefix('scripts');
      let now = START;
      for (const { advanceMs, script, keys, args } of program) {
        now += advanceMs;
        const complete = keys.map((name) => prefix + name);
        const given = args(now);
        const [fromMemory, fromRedis] = await Promise.all([
          memory.run(script, complete, given),
          redis.run(script, complete, given),
        ]);
        expect(plain(fromMemory), script.name).toEqual(plain(fromRedis));
        expect(await stateOf(memory, prefix), script.name).toEqual(await stateOf(redis, prefix));
      }
      await redis.del(['a', 'b', 'lease-a', 'lease-b', 'tags', ...buckets].map((name) => prefix + name));
    }),
    { numRuns: 200 },
  );
});

/** Numbers may come as integers or as their text: the readers take both. What is left of a time to live is not compared. */
function plain(reply: ScriptReply): unknown {
  if (Array.isArray(reply)) return (reply as readonly ScriptReply[]).map(plain);
  if (typeof reply === 'number' && reply > 900_000 && reply <= 2_000_000) return 'a time to live';
  return reply === null ? null : String(reply);
}
