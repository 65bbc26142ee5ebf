import { createEngine, createKeys, type Keys, type RedisEngine } from '@holdfast/redis-core';
import {
  eventually,
  type RedisServer,
  startCluster,
  startRedis,
  startUpstashRest,
  uniquePrefix,
} from '@holdfast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { cacheTagsInvalidate } from '../src/tags-invalidate-script.ts';
import { Cache, L1Cache } from '../src/index.ts';
import { calm } from './engines.ts';

const closing: (() => Promise<unknown>)[] = [];

/** Of the first one, or of another process. */
type Connect = () => RedisEngine;

async function cluster(): Promise<Connect> {
  const started = await startCluster();
  closing.push(() => started.stop());
  const target = { kind: 'cluster', nodes: started.addresses } as const;
  return () => createEngine({ name: 'cluster', ...calm, target });
}

async function upstash(): Promise<Connect> {
  const server: RedisServer = await startRedis();
  const rest = await startUpstashRest(server.url);
  closing.push(
    () => rest.stop(),
    () => server.stop(),
  );
  const target = { kind: 'upstash', url: rest.url, token: rest.token } as const;
  return () => createEngine({ name: 'rest', ...calm, target });
}

/** Where Redis reports no changes, and where the keys of a namespace lie in many slots. */
describe.each([
  ['a cluster', cluster],
  ['Upstash REST', upstash],
])('the cache on %s', (_name, start) => {
  let connect: Connect;
  let engine: RedisEngine;
  let keys: Keys;
  let cache: Cache;
  let other: Cache;

  beforeAll(async () => {
    connect = await start();
    engine = connect();
  });
  afterAll(async () => {
    await engine.close();
    for (const close of closing.splice(0)) await close();
  });
  beforeEach(() => {
    keys = createKeys(uniquePrefix());
    const open = (): Cache =>
      new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }, { l1: new L1Cache(engine, { maxStaleMs: 20 }) });
    [cache, other] = [open(), open()];
  });

  test('reads what was written, byte for byte', async () => {
    const body = Buffer.from([0, 255, 10, 128]);
    expect(await cache.write('k', { body, contentType: 'image/png' })).toEqual({ outcome: 'created' });
    expect(await cache.write('k', { body, contentType: 'image/png' })).toEqual({ outcome: 'unchanged' });
    expect(await other.read('k')).toMatchObject({ body, contentType: 'image/png' });
    expect(await cache.write('k', { body, contentType: 'image/png' }, { createOnly: true })).toEqual({
      outcome: 'exists',
    });
    expect(await cache.delete('k')).toBe(true);
  });

  test('writes, reads and removes many, with a result each', async () => {
    const items = Array.from({ length: 200 }, (_, index) => ({ key: `k${index}`, value: index }));
    expect(await cache.setMany([...items, { key: '..', value: 1 }])).toMatchObject({ successful: 200, failed: 1 });
    expect(await other.getMany(items.map(({ key }) => key))).toEqual(items.map(({ value }) => value));
    expect(await cache.deleteMany(items.map(({ key }) => key))).toMatchObject({ successful: 200 });
    expect((await cache.list()).keys).toEqual([]);
  });

  test('invalidates by tag, and what is written right after is there', async () => {
    await cache.set('k', 'old', { tags: ['t'] });
    await cache.invalidate({ tags: ['t'] });
    expect(await cache.get('k')).toBeUndefined();
    await other.set('k', 'new', { tags: ['t'] });
    expect(await cache.get('k')).toBe('new');
    expect(await other.get('k')).toBe('new');
  });

  test('has no entry for who creates, lists or deletes where a read finds none', async () => {
    const tagged = { body: 'old', contentType: 'text/plain', tags: ['t', 'u'] };
    for (const key of ['a', 'b', 'c']) await other.write(key, key === 'c' ? { ...tagged, tags: ['u'] } : tagged);
    await cache.invalidate({ tags: ['t'] });
    expect(await listed()).toEqual(['c']);
    expect(await cache.delete('a')).toBe(false);
    expect(await cache.write('b', { ...tagged, body: 'new' }, { createOnly: true })).toEqual({ outcome: 'created' });
    expect(await cache.write('c', { ...tagged, body: 'new' }, { createOnly: true })).toEqual({ outcome: 'exists' });
    expect((await other.read('b'))?.body.toString()).toBe('new');
    expect(await cache.delete('c')).toBe(true);
    await other.invalidate({ tags: ['t'] });
    expect(await listed()).toEqual([]);
  });

  async function listed(): Promise<string[]> {
    const found: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await cache.list({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
      found.push(...page.keys);
      ({ cursor } = page);
    }
    return found.sort();
  }

  test('knows of older tags what was noted of them, also of entries that live longer than the namespace has it', async () => {
    await cache.set('kept', 'old', { tags: ['t'] });
    await cache.set('long', 'old', { tags: ['u'], ttlMs: 600_000 });
    await cache.set('untouched', 'old', { tags: ['v'], ttlMs: 600_000 });
    await cache.invalidate({ tags: ['u'] });
    const [noted] = await engine.zrange(keys.cacheTags('ns'), { by: 'index', start: 0, stop: 0 });
    expect(noted).toEqual({ member: '=life', score: -600_000 });
    // More than a process reads of them.
    for (let at = 0; at < 12; at += 1) {
      const names = Array.from({ length: 1000 }, (_, index) => `other:${at * 1000 + index}`);
      await engine.run(cacheTagsInvalidate, [keys.cacheTags('ns')], ['unused--', String(engine.now()), 'd:', ...names]);
    }
    expect(await other.getMany(['kept', 'long', 'untouched'])).toEqual(['old', undefined, 'old']);
    await other.getOrSet('loaded', ({ setTags }) => (setTags(['w']), 'new'), { ttlMs: 900_000 });
    const [last] = await engine.zrange(keys.cacheTags('ns'), { by: 'index', start: 0, stop: 0 });
    expect(last).toEqual({ member: '=life', score: -900_000 });
  });

  test('loads once, and a tag that is invalidated meanwhile makes the value invalid', async () => {
    const loader = vi.fn(() => 'loaded');
    const calls = [cache, other, cache, other].map((one) => one.getOrSet('k', loader));
    expect(await Promise.all(calls)).toEqual(['loaded', 'loaded', 'loaded', 'loaded']);
    expect(loader).toHaveBeenCalledTimes(1);
    const value = await cache.getOrSet('tagged', async ({ setTags }) => {
      setTags(['t']);
      await other.invalidate({ tags: ['t'] });
      return 'of before';
    });
    expect(value).toBe('of before');
    expect(await cache.getOrSet('tagged', () => 'of after')).toBe('of after');
  });

  test('loads anew what is stale or over, once, unless it was written meanwhile', async () => {
    const rules = { engine, keys, namespace: 'grace', ttlMs: 60_000, graceMs: 60_000, softTtlMs: 1 };
    const [one, two] = [1, 2].map(() => new Cache(rules, { l1: new L1Cache(engine, { maxBytes: 0 }) }));
    if (one === undefined || two === undefined) throw new Error('There are two.');
    await one.set('k', 'old', { tags: ['t'] });
    await eventually(async () => expect(await one.read('k')).toMatchObject({ stale: true }));
    const refresh = vi.fn(() => 'new');
    expect(await Promise.all([one, two, one, two].map((cache_) => cache_.getOrSet('k', refresh)))).toEqual(
      Array(4).fill('old'),
    );
    await eventually(async () => expect(await two.get('k')).toBe('new'));
    expect(refresh).toHaveBeenCalledTimes(1);
    await one.invalidate({ keys: ['k'] }, { mode: 'expire' });
    expect(await one.getOrSet('k', () => Promise.reject(new Error('down')))).toBe('new');
    await one.invalidate({ keys: ['k'] }, { mode: 'expire' });
    const loaded = one.getOrSet('k', async () => {
      await two.set('k', 'written');
      return 'of before';
    });
    expect(await loaded).toBe('of before');
    expect(await one.get('k')).toBe('written');
    expect((await engine.scan({ prefix: `${keys.prefix}:lease:`, count: 1000 })).keys).toEqual([]);
  });

  test('evicts what was used longest ago, but nothing that was written since', async () => {
    const victims = ['a', 'b', 'c'].map((key) => ({ key, usedAt: engine.now() + 1000 }));
    for (const { key } of victims.slice(0, 2)) await other.set(key, 'v');
    const spared = { key: 'b', usedAt: engine.now() - 60_000 };
    expect(await cache.evict([victims[0] ?? spared, spared, victims[2] ?? spared])).toEqual([
      'removed',
      { writtenAt: expect.any(Number), expiresAt: expect.any(Number) },
      'missing',
    ]);
    expect(await other.get('b')).toBe('v');
    expect(await engine.get(keys.cache('ns', 'a'))).toBeNull();
  });

  test('L1 keeps an entry for its short time only', async () => {
    await cache.set('k', 'old');
    // Of another process: what this one does itself all its caches know at once.
    const far = connect();
    const elsewhere = new Cache({ engine: far, keys, namespace: 'ns', ttlMs: 60_000 });
    await elsewhere.get('connected');
    let now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    try {
      expect(await cache.read('k')).toMatchObject({ layer: 'l2' });
      expect(await cache.read('k')).toMatchObject({ layer: 'l1' });
      await elsewhere.set('k', 'new');
      expect(await cache.get('k')).toBe('old');
      now += 1001;
      expect(await cache.get('k')).toBe('new');
    } finally {
      clock.mockRestore();
      await far.close();
    }
  });
});

/** A slot is given away key by key, and each of its keys is in one of two places. */
test('on a cluster a namespace is listed and invalidated whole while a slot of it is being moved', async () => {
  const started = await startCluster();
  const engine = createEngine({ name: 'moving', ...calm, target: { kind: 'cluster', nodes: started.addresses } });
  try {
    const keys = createKeys(uniquePrefix());
    const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 });
    const names = Array.from({ length: 4000 }, (_, index) => `k${index}`);
    for (let at = 0; at < names.length; at += 500) {
      const items = names.slice(at, at + 500).map((key) => ({ key, value: key }));
      expect(await cache.setMany(items)).toMatchObject({ successful: 500 });
    }
    // A slot that the last master to be looked at gives to another, and that holds more than one of the keys.
    const slots = Map.groupBy(names, (name) => engine.slotOf?.(keys.cache('ns', name)));
    const shared = [...slots.values()].filter((group) => group.length > 1);
    // On a busy machine a replica may take over in this moment: then once more.
    const inSlot = await eventually(async () => {
      const last = (await started.masters()).toSorted((a, b) => (a.url < b.url ? -1 : 1)).at(-1);
      // One after the other: each question is a connection, and hundreds at once are more than a server takes.
      for (const group of shared) {
        const complete = group.map((name) => keys.cache('ns', name));
        if ((await started.masterOf(complete[0] ?? '')) === last) return complete;
      }
      return expect.fail('That master has none of them.');
    });

    // The move begins when the other masters have been looked at.
    const scan = engine.scan.bind(engine);
    let pages = 0;
    let move: Awaited<ReturnType<typeof started.beginMove>> | undefined;
    vi.spyOn(engine, 'scan').mockImplementation(async (page, options) => {
      pages += 1;
      if (pages === 3) move = await started.beginMove(inSlot[0] ?? '', inSlot.slice(0, 1));
      return scan(page, options);
    });
    const seen = new Set<string>();
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = await cache.list({ limit: 100_000, ...(cursor === undefined ? {} : { cursor }) });
      for (const key of page.keys) seen.add(key);
      ({ cursor } = page);
    }
    expect(seen).toEqual(new Set(names));
    expect(await cache.invalidate({ all: true })).toBe(names.length);
    await move?.end();
    expect(await cache.getMany(names)).toEqual(names.map(() => undefined));
  } finally {
    await engine.close();
    await started.stop();
  }
}, 60_000);
