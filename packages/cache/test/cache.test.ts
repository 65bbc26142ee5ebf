import { createKeys, type Keys, type RedisEngine } from '@holdfast/redis-core';
import { TestClock, uniquePrefix } from '@holdfast/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Cache, TtlInvalidError, ValueTooLargeError } from '../src/index.ts';
import { engines } from './engines.ts';

describe.each(engines)('the cache on %s', (_name, create) => {
  let engine: RedisEngine;
  let keys: Keys;
  let cache: Cache;
  const clock = new TestClock(Date.now());

  beforeAll(() => {
    engine = create();
  });
  afterAll(() => engine.close());
  beforeEach(() => {
    keys = createKeys(uniquePrefix());
    cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000, now: clock.now });
  });

  const text = (body: string): { body: string; contentType: string } => ({ body, contentType: 'text/plain' });

  describe('entries', () => {
    test('come back as bytes with their content type, etag, age and time to live', async () => {
      const body = Buffer.from([0, 10, 255, 13]);
      expect(await cache.write('k', { body, contentType: 'image/png', tags: ['a', 'b'] })).toEqual({
        outcome: 'created',
      });
      const createdAt = clock.now();
      clock.advance(1500);
      expect(await cache.read('k')).toEqual({
        body,
        contentType: 'image/png',
        etag: expect.stringMatching(/^[\w-]{16}$/),
        createdAt,
        ttlMs: 58_500,
        stale: false,
        tags: ['a', 'b'],
        origin: null,
        layer: 'l2',
      });
      expect(await cache.read('other')).toBeNull();
    });

    test('have equal etags for equal content, and only then', async () => {
      const etagOf = async (body: string, contentType: string): Promise<string | undefined> => {
        await cache.write('k', { body, contentType });
        return (await cache.read('k'))?.etag;
      };
      const first = await etagOf('a', 'text/plain');
      expect(await etagOf('a', 'text/plain')).toBe(first);
      expect(await etagOf('b', 'text/plain')).not.toBe(first);
      expect(await etagOf('a', 'text/html')).not.toBe(first);
    });

    test('say whether they were created, replaced or rewritten with an equal body', async () => {
      const outcomes = [];
      for (const body of ['a', 'b', 'b']) outcomes.push((await cache.write('k', text(body))).outcome);
      expect(outcomes).toEqual(['created', 'replaced', 'unchanged']);
    });

    test('can be created only where there is none, also by a hundred at once', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 100 }, (_, index) => cache.write('k', text(String(index)), { createOnly: true })),
      );
      expect(outcomes.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
      expect(outcomes.filter(({ outcome }) => outcome === 'exists')).toHaveLength(99);
    });

    test('bring their own time to live, or none', async () => {
      await cache.write('short', { ...text('a'), ttlMs: 60_000 });
      await cache.write('forever', { ...text('a'), ttlMs: null });
      expect((await cache.read('short'))?.ttlMs).toBe(60_000);
      expect((await cache.read('forever'))?.ttlMs).toBeNull();
      expect(await engine.pttl(keys.cache('ns', 'forever'))).toBeNull();
      expect(await engine.pttl(keys.cache('ns', 'short'))).toBeLessThanOrEqual(60_000);
    });

    test('turn stale after the soft time to live, and are still served', async () => {
      const soft = new Cache({ engine, keys, namespace: 'soft', ttlMs: null, softTtlMs: 1000, now: clock.now });
      await soft.write('k', text('a'));
      expect(await soft.read('k')).toMatchObject({ stale: false });
      clock.advance(1001);
      expect(await soft.read('k')).toMatchObject({ stale: true, ttlMs: null });
    });

    test('are gone after delete, which says whether there was one', async () => {
      await cache.write('k', text('a'));
      expect(await cache.delete('k')).toBe(true);
      expect(await cache.delete('k')).toBe(false);
      expect(await cache.read('k')).toBeNull();
    });
  });

  describe('what is refused, before anything is sent', () => {
    test.each([0, -1, 1.5, NaN, Infinity, 1e15])('a time to live of %d', async (ttlMs) => {
      await expect(cache.write('k', { ...text('a'), ttlMs })).rejects.toThrow(TtlInvalidError);
      expect(await cache.read('k')).toBeNull();
    });

    test('a body above the limit', async () => {
      const small = new Cache({ engine, keys, namespace: 'small', ttlMs: null, maxValueBytes: 10 });
      await expect(small.write('k', text('x'.repeat(11)))).rejects.toThrow(ValueTooLargeError);
      expect(await small.write('k', text('x'.repeat(10)))).toEqual({ outcome: 'created' });
    });

    test.each(['', '..', 'x'.repeat(10_240)])('the key %j', async (key) => {
      await expect(cache.write(key, text('a'))).rejects.toMatchObject({ code: 'KEY_INVALID', status: 400 });
      await expect(cache.read(key)).rejects.toMatchObject({ code: 'KEY_INVALID' });
      await expect(cache.delete(key)).rejects.toMatchObject({ code: 'KEY_INVALID' });
    });

    test('empty and endless tags', async () => {
      await expect(cache.write('k', { ...text('a'), tags: [''] })).rejects.toMatchObject({ code: 'TAG_INVALID' });
      await expect(cache.write('k', { ...text('a'), tags: ['x'.repeat(257)] })).rejects.toMatchObject({
        code: 'TAG_INVALID',
      });
    });
  });

  describe('values', () => {
    test('are what they were, with the types that JSON loses', async () => {
      const value = { at: new Date(0), ids: new Set([1, 2]), big: 12n, nothing: undefined };
      await cache.set('k', value);
      expect(await cache.get('k')).toStrictEqual(value);
      expect(await cache.get('none')).toBeUndefined();
    });

    test('that are long are compressed where asked for', async () => {
      const value = { text: 'abc'.repeat(10_000) };
      const small = new Cache({ engine, keys, namespace: 'small', ttlMs: null, compressAboveBytes: 1000 });
      await small.set('k', value);
      expect((await small.read('k'))?.body.length).toBeLessThan(1000);
      expect(await cache.get('k')).toBeUndefined();
      expect(await small.get('k')).toEqual(value);
    });

    test('are undefined where the entry is something else, never an exception', async () => {
      await cache.write('image', { body: Buffer.from([0x89, 0x50]), contentType: 'image/png' });
      expect(await cache.get('image')).toBeUndefined();
      expect(cache.stats().foreign).toBeGreaterThan(0);
    });

    test('that cannot be stored are refused with their place', async () => {
      await expect(cache.set('k', { a: [() => 1] })).rejects.toMatchObject({
        code: 'VALUE_NOT_SERIALIZABLE',
        issues: [{ path: '/a/0' }],
      });
    });
  });

  describe('a key that holds something else', () => {
    test.each([
      ['a hash', (key: string) => engine.hset(key, { a: '1' })],
      ['foreign text', (key: string) => engine.set(key, 'not an entry')],
      ['a later version', (key: string) => engine.set(key, `HF2${'a'.repeat(85)}text/plain\nbody`)],
      ['a torn entry', (key: string) => engine.set(key, `HF1${'a'.repeat(40)}`)],
      ['an entry with wrong fields', (key: string) => engine.set(key, `HF1${'!'.repeat(85)}j\nx`)],
    ])('%s is a miss, and only a write or a delete of that very key touches it', async (_what, plant) => {
      const complete = keys.cache('ns', 'k');
      await plant(complete);
      await cache.write('other', text('a'));
      expect(await cache.readMany(['k', 'other'])).toMatchObject([null, { contentType: 'text/plain' }]);
      expect(await engine.pttl(complete)).toBeNull();
      expect(await cache.write('k', text('mine'))).toEqual({ outcome: 'replaced' });
      expect((await cache.read('k'))?.body.toString()).toBe('mine');
      await plant(keys.cache('ns', 'k2'));
      expect(await cache.delete('k2')).toBe(true);
    });

    test('any bytes are an entry or a miss, never an exception', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), fc.boolean(), async (bytes, likeOurs) => {
          await engine.set(keys.cache('ns', 'k'), likeOurs ? Buffer.concat([Buffer.from('HF1'), bytes]) : bytes);
          await cache.read('k');
        }),
        { numRuns: 50 },
      );
    });
  });

  test('writes what changed, values and bodies alike, and removes what is gone', async () => {
    await cache.setMany(['gone', 'kept', 'both'].map((key) => ({ key, value: 'old' })));
    const updates = [
      { key: 'both', value: { n: 1 } },
      { key: 'body', ...text('x') },
      { key: 'function', value: () => 1 },
    ];
    expect(await cache.sync(updates, ['gone', 'both'])).toMatchObject({
      updated: 2,
      deleted: 1,
      failed: 1,
      errors: [{ key: 'function', code: 'VALUE_NOT_SERIALIZABLE' }],
    });
    expect(await cache.getMany(['gone', 'kept', 'both'])).toEqual([undefined, 'old', { n: 1 }]);
    expect((await cache.read('body'))?.body.toString()).toBe('x');
  });

  test('stores a value for a short, a medium and a long time', async () => {
    await cache.setShort('short', 1);
    await cache.setMedium('medium', 2, { tags: ['t'] });
    await cache.setLong('long', 3);
    const entries = await cache.readMany(['short', 'medium', 'long']);
    const minutes = entries.map((entry) => Math.ceil((entry?.ttlMs ?? 0) / 60_000));
    expect(minutes).toEqual([1, 5, 30]);
    expect(entries[1]?.tags).toEqual(['t']);
  });

  describe('in bulk', () => {
    test('items are written with a result each, and one bad item fails alone', async () => {
      await cache.write('b', text('2'));
      const result = await cache.writeMany([
        { key: 'a', ...text('1') },
        { key: 'b', ...text('2') },
        { key: '..', ...text('3') },
        { key: 'd', ...text('4'), ttlMs: -1 },
        { key: 'e', ...text('5') },
      ]);
      expect(result).toMatchObject({
        successful: 3,
        failed: 2,
        batches: 1,
        commands: 1,
        errors: [
          { key: '..', code: 'KEY_INVALID' },
          { key: 'd', code: 'TTL_INVALID' },
        ],
        outcomes: ['created', 'unchanged', null, null, 'created'],
      });
      const read = await cache.readMany(['e', 'x', 'a']);
      expect(read.map((entry) => entry?.body.toString() ?? null)).toEqual(['5', null, '1']);
    });

    test('deletions ignore what is not there', async () => {
      await cache.write('a', text('1'));
      expect(await cache.deleteMany(['a', 'none', ''])).toMatchObject({
        successful: 2,
        failed: 1,
        errors: [{ key: '', code: 'KEY_INVALID' }],
      });
      expect(await cache.read('a')).toBeNull();
    });

    test('of nothing does nothing', async () => {
      expect(await cache.writeMany([])).toMatchObject({ successful: 0, failed: 0, commands: 0 });
      expect(await cache.readMany([])).toEqual([]);
    });

    test('end between two batches when they are told to, and say which keys were not reached', async () => {
      const items = Array.from({ length: 300 }, (_, n) => ({ key: `k${n}`, ...text('x') }));
      const caller = new AbortController();
      const writing = cache.writeMany(items, { signal: caller.signal, concurrency: 1 });
      // The first batch is on its way.
      caller.abort();
      const written = await writing;
      expect(written).toMatchObject({ successful: 50, failed: 250 });
      expect(new Set(written.errors.map(({ code }) => code))).toEqual(new Set(['BULK_ABORTED']));
      const { signal } = caller;
      expect(await cache.deleteMany(['k0'], { signal })).toMatchObject({ successful: 0, failed: 1 });
      expect(await cache.sync([{ key: 'k1', ...text('y') }], ['k2'], { signal })).toMatchObject({
        updated: 0,
        deleted: 0,
      });
      const reason = new Error('enough');
      await expect(cache.invalidate({ prefix: 'k' }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      expect((await cache.readMany(['k0', 'k1', 'k2'])).map((entry) => entry?.body.toString())).toEqual([
        'x',
        'x',
        'x',
      ]);
    });
  });

  test('keys are listed page by page, as they were given, and no other namespace is seen', async () => {
    const given = ['user:1', 'user:2', 'a b', 'ключ', '*'];
    await cache.writeMany(given.map((key) => ({ key, ...text('x') })));
    await new Cache({ engine, keys, namespace: 'ns2', ttlMs: null }).write('foreign', text('x'));
    const listed = async (prefix?: string): Promise<string[]> => {
      const found: string[] = [];
      for (let cursor: string | null | undefined; cursor !== null;) {
        const page = await cache.list({ ...(cursor === undefined ? {} : { cursor }), ...(prefix ? { prefix } : {}) });
        found.push(...page.keys);
        ({ cursor } = page);
      }
      return [...new Set(found)].sort();
    };
    expect(await listed()).toEqual(given.sort());
    expect(await listed('user:')).toEqual(['user:1', 'user:2']);
  });

  test('a namespace with a time to live of 0 stores nothing and asks nobody', async () => {
    const off = new Cache({ engine, keys, namespace: 'off', ttlMs: 0 });
    expect(await off.write('k', text('a'))).toEqual({ outcome: 'off' });
    expect(await off.write('k', text('a'), { createOnly: true })).toEqual({ outcome: 'off' });
    await off.set('k', 1);
    expect(await off.read('k')).toBeNull();
    expect(await engine.pttl(keys.cache('off', 'k'))).toBeUndefined();
  });

  test('counts what it has seen', async () => {
    await cache.write('a', text('1'));
    await cache.readMany(['a', 'a', 'b']);
    expect(cache.stats()).toMatchObject({
      namespace: 'ns',
      ttlMs: 60_000,
      hits: 2,
      misses: 1,
      hitRatio: 2 / 3,
      stale: 0,
      foreign: 0,
      errors: 0,
    });
  });
});
