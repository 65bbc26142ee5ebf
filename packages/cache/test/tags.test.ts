import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createKeys, MemoryEngine, type RedisEngine } from '@holdfast/redis-core';
import { eventually, monitor, type RedisServer, startRedis, uniquePrefix } from '@holdfast/testing';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Cache, L1Cache } from '../src/index.ts';
import { cacheTagsCheck } from '../src/tags-check-script.ts';
import { cacheTagsInvalidate } from '../src/tags-invalidate-script.ts';
import { cacheTagsRetire } from '../src/tags-retire-script.ts';
import { cacheTagsStamp } from '../src/tags-stamp-script.ts';
import { engines } from './engines.ts';
import { useProcesses } from './get-or-set/processes.ts';

const numbered = (count: number, name: string): string[] => Array.from({ length: count }, (_, at) => `${name}${at}`);

async function invalidateAll(cache: Cache, tags: readonly string[]): Promise<void> {
  for (let at = 0; at < tags.length; at += 64) await cache.invalidate({ tags: tags.slice(at, at + 64) });
}

describe('what a process asks of tags', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  const processes = useProcesses('ioredis', () => server);

  const names = numbered(300, 'k');
  async function store(cache: Cache): Promise<void> {
    await cache.setMany(names.map((key) => ({ key, value: key, tags: [`tag:${key}`] })));
  }

  /** The commands that a process sends for a while, by name; with how many bytes Redis answered, all clients together. */
  async function costOf(work: () => Promise<unknown>): Promise<{ commands: string[]; bytes: number }> {
    const { prefix } = processes.keys;
    const seen = await monitor(server.url, { where: ({ argv }) => argv.some((part) => part.includes(prefix)) });
    await seen.settle();
    seen.reset();
    const before = await sent();
    await work();
    const bytes = (await sent()) - before;
    await seen.settle();
    const commands = seen.commands().map(([name]) => (name ?? '').toLowerCase());
    await seen.stop();
    return { commands, bytes };
  }
  async function sent(): Promise<number> {
    const info = String(await server.command('INFO', 'stats'));
    return Number(/total_net_output_bytes:(\d+)/.exec(info)?.[1]);
  }

  test('after one invalidation is one command for 300 readers, whatever else was ever noted', async () => {
    const { cache, l1 } = await processes.start();
    const state = processes.keys.cacheTags('ns');
    const other = await processes.plainCacheOf();
    await eventually(() => expect(l1.isTracked).toBe(true));
    await invalidateAll(other, numbered(9000, 'other:0123456789abcdef:'));
    await store(other);
    await cache.getMany(names);
    await other.invalidate({ tags: ['unrelated', 'tag:k7'] });
    await eventually(() => expect(l1.knownTags(state)?.stamp).toBeUndefined());
    const { commands, bytes } = await costOf(async () => {
      const values = await Promise.all(names.map((key) => cache.get(key)));
      expect(values).toEqual(names.map((key) => (key === 'k7' ? undefined : key)));
    });
    // That the entry is invalid is known by that: L1 has the same one as Redis.
    expect(commands).toEqual(['zrange']);
    expect(bytes).toBeLessThan(20_000);
  });

  test('of entries that are older than all it knows is asked for together, and once', async () => {
    const other = await processes.plainCacheOf();
    await store(other);
    await invalidateAll(other, ['tag:k7', ...numbered(12_000, 'other:')]);
    const { cache, l1 } = await processes.start();
    await eventually(() => expect(l1.isTracked).toBe(true));
    const expected = names.map((key) => (key === 'k7' ? undefined : key));
    const first = await costOf(async () => expect(await cache.getMany(names)).toEqual(expected));
    // Scripts look for 150 tags each.
    expect(first.commands.filter((name) => name !== 'eval').sort()).toEqual(['evalsha', 'evalsha', 'mget', 'zrange']);
    const again = await costOf(async () => expect(await cache.getMany(names)).toEqual(expected));
    expect(again.commands).toEqual([]);
    await other.invalidate({ tags: ['tag:k8'] });
    await eventually(async () => expect(await cache.get('k8')).toBeUndefined());
    expect(await cache.get('k9')).toBe('k9');
  });
});

describe.each(engines)('the state of tags, on %s', (_name, create) => {
  let engine: RedisEngine;
  let now = 1_800_000_000_000;
  const keys = createKeys(uniquePrefix());
  beforeAll(() => {
    engine = create();
  });
  afterAll(() => engine.close());
  let count = 0;
  let namespace = '';
  afterEach(() => {
    namespace = '';
  });
  function open(ttlMs: number | null, graceMs = 0): Cache {
    if (namespace === '') namespace = `ns${(count += 1)}`;
    return new Cache({ engine, keys, namespace, ttlMs, graceMs, now: () => now });
  }

  test('forgets what is older than the entry that is kept longest', async () => {
    const cache = open(50_000, 10_000);
    await cache.set('a', 1, { tags: ['a'] });
    await invalidateAll(cache, numbered(5000, 'old:'));
    const full = await engine.zcard(keys.cacheTags(namespace));
    now += 60_000 + 61_000; // and a minute by which clocks may differ
    await invalidateAll(cache, numbered(5000, 'new:'));
    expect(full).toBeGreaterThan(5000);
    expect(await engine.zcard(keys.cacheTags(namespace))).toBeLessThan(5010);
    // It was written before what is forgotten now, and so nobody can say whether its tag was.
    expect(await cache.get('a')).toBeUndefined();
    await cache.set('a', 2, { tags: ['a'] });
    expect(await cache.get('a')).toBe(2);
  });

  test('keeps what was noted for as long as an entry that lives longer than others', async () => {
    const cache = open(1000);
    await cache.set('long', 1, { tags: ['a'], ttlMs: 10_000_000 });
    await cache.invalidate({ tags: ['a'] });
    now += 1_000_000;
    await invalidateAll(cache, numbered(1000, 'other:'));
    expect(await cache.get('long')).toBeUndefined();
    expect(await engine.zcard(keys.cacheTags(namespace))).toBeGreaterThan(1000);
  });

  test('is bounded by buckets where entries do not expire, and revives nothing', async () => {
    const cache = open(null);
    const untouched = numbered(2000, 'untouched:');
    const touched = numbered(200, 'touched:');
    await cache.setMany([...untouched, ...touched].map((key) => ({ key, value: key, tags: [key] })));
    const noted = numbered(120_000, 't:');
    await cache.invalidate({ tags: touched.slice(0, 64) }, { mode: 'expire' });
    await invalidateAll(cache, touched.slice(64));
    // By the script itself, of many at once: 120,000 calls are not what is tested.
    for (let at = 0; at < noted.length; at += 1000) {
      const args = ['unused--', String(now), 'd:', ...noted.slice(at, at + 1000)];
      await engine.run(cacheTagsInvalidate, [keys.cacheTags(namespace)], args);
    }
    await invalidateAll(cache, ['last']);
    expect(await engine.zcard(keys.cacheTags(namespace))).toBeLessThanOrEqual(100_250);
    expect((await cache.getMany(touched)).filter((value) => value !== undefined)).toEqual([]);
    const left = (await cache.getMany(untouched)).filter((value) => value !== undefined);
    expect(left.length).toBeGreaterThan(untouched.length * 0.99);
    await cache.set('new', 1, { tags: ['t:1'] });
    expect(await cache.get('new')).toBe(1);
    // What Redis evicts is not known any more.
    await engine.del([keys.cacheTags(namespace, 0)]);
    const other = new Cache({ engine, keys, namespace, ttlMs: null }, { l1: new L1Cache(engine) });
    expect((await other.getMany(untouched)).filter((value) => value !== undefined)).toEqual([]);
    expect(await cache.get('new')).toBe(1);
  });
});

test('what is known of tags goes with the last cache of their namespace', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const engine = new MemoryEngine();
  const l1 = new L1Cache(engine);
  const keys = createKeys('weak');
  const open = (namespace: string): Cache => new Cache({ engine, keys, namespace, ttlMs: 1000 }, { l1 });
  const kept = open('kept');
  for (let at = 0; at < 100; at += 1) open(`gone${at}`);
  await eventually(() => {
    collect();
    const left = numbered(100, 'gone').filter((namespace) => l1.knownTags(keys.cacheTags(namespace)) !== undefined);
    expect(left).toEqual([]);
  });
  expect(l1.knownTags(keys.cacheTags('kept'))).toBeDefined();
  await kept.delete('k');
});

test('no program of invalidations, time and losses revives an entry', async () => {
  const engine = new MemoryEngine({ maxBytes: 64 * 1024 * 1024 });
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const buckets = ['bucket0', 'bucket1', 'bucket2'];
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('invalidate' as const), tag: fc.constantFrom(...names) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('write' as const), tag: fc.constantFrom(...names) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('retire' as const), bound: fc.integer({ min: 1, max: 6 }) }),
    },
    fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 30_000, 100_000) }),
    fc.record({ kind: fc.constant('lose' as const), key: fc.constantFrom('tags', ...buckets) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.constantFrom('0', '50000'), async (program, life) => {
      await engine.del(['tags', ...buckets]);
      let now = 1_800_000_000_000;
      let epochs = 0;
      const newEpoch = (): string => `epoch${String((epochs += 1)).padStart(3, '0')}`;
      const written: { tag: string; stamp: string; at: number; isInvalid: boolean }[] = [];
      for (const one of program) {
        if (one.kind === 'wait') now += one.ms;
        if (one.kind === 'lose') await engine.del([one.key]);
        if (one.kind === 'invalidate') {
          await engine.run(cacheTagsInvalidate, ['tags'], [newEpoch(), String(now), 'd:', one.tag]);
          for (const entry of written) if (entry.tag === one.tag) entry.isInvalid = true;
        }
        if (one.kind === 'write') {
          const [epoch, seq] = await engine.run(cacheTagsStamp, ['tags'], [newEpoch(), life]);
          const stamp = epoch.toString() + seq.toString(36).padStart(8, '0');
          written.push({ tag: one.tag, stamp, at: now, isInvalid: false });
        }
        if (one.kind === 'retire') {
          await engine.run(cacheTagsRetire, ['tags', ...buckets], [String(now), String(one.bound), '2', '2', '64']);
        }
        const isThere = ({ at }: { readonly at: number }): boolean => life === '0' || now < at + Number(life);
        for (const { tag, stamp, isInvalid } of written.filter(isThere)) {
          const reply = await engine.run(cacheTagsCheck, ['tags', ...buckets], ['64', stamp, '1', tag]);
          if (isInvalid) expect(reply?.[2] ?? 2).toBe(2);
        }
      }
    }),
    { numRuns: 300 },
  );
});
