import { uniquePrefix } from '@holdfast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createKeys, UnsupportedError, WrongTypeError, type Keys, type RedisEngine } from '../../src/index.ts';
import { counterWithLimit } from './example-script.ts';

export interface EngineTraits {
  /** Whether `publish` counts the receivers of all nodes. A cluster counts those of the node that was asked. */
  readonly countsReceivers?: boolean;
  /** Whether it can subscribe; an engine that cannot refuses with `UnsupportedError`. */
  readonly subscribes?: boolean;
}

/** What every engine promises. Whoever writes another engine runs this against it. */
export function describeEngine(name: string, create: () => Promise<RedisEngine>, traits: EngineTraits = {}): void {
  describe(`the ${name} engine`, () => {
    let engine: RedisEngine;
    let keys: Keys;
    let key: string;

    beforeAll(async () => {
      engine = await create();
    });
    afterAll(() => engine.close());
    beforeEach(() => {
      keys = createKeys(uniquePrefix());
      key = keys.cache('ns', 'key');
    });

    describe('strings', () => {
      test('come back byte for byte, in the order asked, with null where there is none', async () => {
        const bytes = Buffer.from([0, 255, 10, 13, 128]);
        await engine.set(key, bytes);
        expect(await engine.mget([`${key}2`, key])).toEqual([null, bytes]);
      });

      test('are copies: writing into one changes nothing that is stored', async () => {
        const bytes = Buffer.from('abc');
        await engine.set(key, bytes);
        bytes[0] = 0;
        const [first] = await engine.mget([key]);
        first?.fill(0);
        expect((await engine.mget([key]))[0]?.toString()).toBe('abc');
      });

      test('read as null where the key holds another type', async () => {
        await engine.hset(key, { field: 'value' });
        expect(await engine.mget([key])).toEqual([null]);
      });

      test('expire, and a set without a time to live takes it away', async () => {
        await engine.set(key, 'a', { pxMs: 60_000 });
        const left = await engine.pttl(key);
        expect(left).toBeGreaterThan(59_000);
        expect(left).toBeLessThanOrEqual(60_000);
        await engine.set(key, 'b');
        expect(await engine.pttl(key)).toBeNull();
        expect(await engine.pttl(`${key}2`)).toBeUndefined();
      });

      test('nx stores only where there is nothing, get replies what was there', async () => {
        expect(await engine.set(key, 'a', { nx: true })).toEqual({ stored: true, previous: null });
        expect(await engine.set(key, 'b', { nx: true })).toEqual({ stored: false, previous: null });
        expect(await engine.set(key, 'c', { nx: true, get: true })).toEqual({
          stored: false,
          previous: Buffer.from('a'),
        });
        expect(await engine.set(key, 'd', { get: true })).toEqual({ stored: true, previous: Buffer.from('a') });
        expect(await engine.set(`${key}2`, 'e', { nx: true, get: true })).toEqual({ stored: true, previous: null });
      });

      test('a set replaces a key of another type', async () => {
        await engine.zadd(key, [{ member: 'a', score: 1 }]);
        expect(await engine.set(key, 'string')).toEqual({ stored: true, previous: null });
        expect((await engine.mget([key]))[0]?.toString()).toBe('string');
      });

      test('del counts what existed, of whatever type', async () => {
        await engine.set(key, 'a');
        await engine.hset(`${key}2`, { a: '1' });
        expect(await engine.del([key, `${key}2`, `${key}3`])).toBe(2);
        expect(await engine.del([])).toBe(0);
      });
    });

    test('touch counts what exists, of whatever type, and changes nothing', async () => {
      await engine.set(key, 'a', { pxMs: 60_000 });
      await engine.hset(`${key}2`, { a: '1' });
      expect(await engine.touch([key, `${key}2`, `${key}3`])).toBe(2);
      expect(await engine.touch([])).toBe(0);
      expect((await engine.get(key))?.toString()).toBe('a');
      expect(await engine.pttl(key)).toBeGreaterThan(0);
    });

    describe('hashes', () => {
      test('keep fields and count the new ones', async () => {
        expect(await engine.hset(key, { a: '1', b: Buffer.from([0, 1]) })).toBe(2);
        expect(await engine.hset(key, { a: '2', c: '3' })).toBe(1);
        expect(await engine.hget(key, ['c', 'x', 'b'])).toEqual([Buffer.from('3'), null, Buffer.from([0, 1])]);
        expect((await engine.hgetall(key)).get('a')?.toString()).toBe('2');
        expect(await engine.hdel(key, ['a', 'x'])).toBe(1);
        expect(await engine.hdel(key, ['b', 'c'])).toBe(2);
        expect(await engine.pttl(key)).toBeUndefined();
      });

      test('increments start at nothing and refuse what is not an integer', async () => {
        expect(await engine.hincrby(key, 'n', 5)).toBe(5);
        expect(await engine.hincrby(key, 'n', -7)).toBe(-2);
        await engine.hset(key, { text: 'abc' });
        await expect(engine.hincrby(key, 'text', 1)).rejects.toMatchObject({ code: 'REDIS_COMMAND_FAILED' });
      });
    });

    describe('sorted sets', () => {
      test('are ordered by score, then by bytes', async () => {
        const members = ['b', 'a', 'é', 'z', '\u{1F600}', '\uFFFD'].map((member) => ({ member, score: 0 }));
        expect(await engine.zadd(key, [...members, { member: 'first', score: -1 }])).toBe(7);
        const inOrder = (await engine.zrange(key, { by: 'index', start: 0, stop: -1 })).map(({ member }) => member);
        expect(inOrder).toEqual(['first', 'a', 'b', 'z', 'é', '\uFFFD', '\u{1F600}']);
      });

      test('are read by position, by score and page by page', async () => {
        await engine.zadd(
          key,
          ['a', 'b', 'c', 'd'].map((member, score) => ({ member, score })),
        );
        const names = async (...range: Parameters<RedisEngine['zrange']>): Promise<string[]> =>
          (await engine.zrange(...range)).map(({ member }) => member);
        expect(await names(key, { by: 'index', start: -2, stop: -1 })).toEqual(['c', 'd']);
        expect(await names(key, { by: 'index', start: 0, stop: 1, reverse: true })).toEqual(['d', 'c']);
        expect(await names(key, { by: 'score', min: 1, max: Infinity, limit: 2 })).toEqual(['b', 'c']);
        expect(await names(key, { by: 'score', min: -Infinity, max: 0 })).toEqual(['a']);
        expect(await names(key, { by: 'score', min: 1, max: Infinity, reverse: true })).toEqual(['d', 'c', 'b']);
        expect(await names(key, { by: 'score', min: 0, max: 2, limit: 2, reverse: true })).toEqual(['c', 'b']);
        await engine.zadd(
          `${key}2`,
          ['p', 'q', 'r'].map((member) => ({ member, score: 0 })),
        );
        expect(await names(`${key}2`, { by: 'lex', limit: 2 })).toEqual(['p', 'q']);
        expect(await names(`${key}2`, { by: 'lex', after: 'q', limit: 2 })).toEqual(['r']);
      });

      test('are scanned page by page: what stays is seen, whatever happens to it, and nothing but its prefix', async () => {
        const wanted = Array.from({ length: 1000 }, (_, at) => `[a]*${at}`);
        const others = Array.from({ length: 100 }, (_, at) => `[ab]${at}`);
        await engine.zadd(
          key,
          [...wanted, ...others].map((member, score) => ({ member, score })),
        );
        const seen = new Map<string, number>();
        let pages = 0;
        for (let cursor: string | null | undefined; cursor !== null; pages += 1) {
          const page = await engine.zscan(key, {
            prefix: '[a]*',
            count: 100,
            ...(cursor === undefined ? {} : { cursor }),
          });
          for (const { member, score } of page.members) seen.set(member, score);
          // Used and forgotten meanwhile, in the middle of a scan.
          await engine.zadd(key, [
            { member: wanted[pages] ?? '', score: 5000 },
            { member: `[a]*new ${pages}`, score: 1 },
          ]);
          await engine.zrem(key, [others[pages] ?? '']);
          ({ cursor } = page);
        }
        expect(pages).toBeGreaterThan(2);
        expect([...seen.keys()].filter((member) => !member.startsWith('[a]*new '))).toHaveLength(wanted.length);
        expect(seen.get('[a]*999')).toBe(999);
        expect([...seen.keys()].every((member) => member.startsWith('[a]*'))).toBe(true);
        expect(await engine.zscan(`${key}none`, {})).toEqual({ members: [], cursor: null });
      });

      test('end with their last member', async () => {
        await engine.zadd(key, [{ member: 'a', score: 1.5 }]);
        expect(await engine.zcard(key)).toBe(1);
        expect(await engine.zrange(key, { by: 'index', start: 0, stop: 0 })).toEqual([{ member: 'a', score: 1.5 }]);
        expect(await engine.zrem(key, ['a', 'x'])).toBe(1);
        expect(await engine.pttl(key)).toBeUndefined();
      });
    });

    test('streams are read from after an id on', async () => {
      const ids: string[] = [];
      for (const value of ['1', '2', '3']) ids.push(await engine.xadd(key, { value }));
      const [first, second, third] = ids;
      const all = await engine.xrange(key, { count: 10 });
      expect(all.map(({ id, fields }) => [id, fields.get('value')?.toString()])).toEqual([
        [first, '1'],
        [second, '2'],
        [third, '3'],
      ]);
      const after = await engine.xrange(key, { after: second ?? '', count: 10 });
      expect(after.map(({ id }) => id)).toEqual([third]);
    });

    test('the number of keys grows by those that are written', async () => {
      const before = await engine.dbsize();
      await engine.batch(
        Array.from({ length: 200 }, (_, index) => ({ op: 'set', key: keys.cache('ns', `size${index}`), value: 'x' })),
      );
      // Others write into the same Redis while this runs, and remove what is theirs.
      expect(before).toBeGreaterThanOrEqual(0);
      expect(await engine.dbsize()).toBeGreaterThanOrEqual(200);
    });

    describe('scan', () => {
      test('sees every key of its prefix and type once at least, and no other', async () => {
        const wanted = Array.from({ length: 700 }, (_, index) => keys.cache('ns', `k${index}`));
        await engine.batch(wanted.map((name) => ({ op: 'set', key: name, value: 'x' })));
        await engine.hset(keys.cache('ns', 'hash'), { a: '1' });
        await engine.set(keys.cache('ns2', 'other'), 'x');
        const seen = new Set<string>();
        let cursor: string | null | undefined;
        while (cursor !== null) {
          const page = await engine.scan({
            prefix: keys.cachePrefix('ns'),
            type: 'string',
            count: 100,
            ...(cursor === undefined ? {} : { cursor }),
          });
          for (const name of page.keys) seen.add(name);
          cursor = page.cursor;
        }
        expect(seen).toEqual(new Set(wanted));
      });

      test('takes its prefix literally', async () => {
        await engine.set(`${keys.prefix}[a]*`, 'x');
        await engine.set(`${keys.prefix}ab`, 'x');
        const found: string[] = [];
        let cursor: string | null = '0';
        for (let first = true; first || cursor !== null; first = false) {
          const page = await engine.scan({
            prefix: `${keys.prefix}[a]`,
            count: 1000,
            ...(first ? {} : { cursor: cursor ?? '' }),
          });
          found.push(...page.keys);
          ({ cursor } = page);
        }
        expect([...new Set(found)]).toEqual([`${keys.prefix}[a]*`]);
      });
    });

    describe('a key of another type', () => {
      test('is refused, and stays as it was', async () => {
        await engine.set(key, 'string');
        const attempts: (() => Promise<unknown>)[] = [
          () => engine.hset(`${key}other`, { a: '1' }).then(() => engine.get(`${key}other`)),
          () => engine.hset(key, { a: '1' }),
          () => engine.hget(key, ['a']),
          () => engine.hgetall(key),
          () => engine.hincrby(key, 'a', 1),
          () => engine.zadd(key, [{ member: 'a', score: 1 }]),
          () => engine.zrange(key, { by: 'index', start: 0, stop: -1 }),
          () => engine.zscan(key, {}),
          () => engine.xadd(key, { a: '1' }),
          () => engine.set(`${key}hash`, 'x').then(() => engine.zcard(`${key}hash`)),
        ];
        for (const attempt of attempts) await expect(attempt()).rejects.toThrow(WrongTypeError);
        expect((await engine.mget([key]))[0]?.toString()).toBe('string');
      });
    });

    describe('scripts', () => {
      test('run atomically: a hundred at once never pass the limit', async () => {
        const replies = await Promise.all(
          Array.from({ length: 100 }, () => engine.run(counterWithLimit, [key], ['n', '10'])),
        );
        expect(replies.filter((reply) => reply === -1)).toHaveLength(90);
        expect((await engine.hget(key, ['n']))[0]?.toString()).toBe('10');
      });

      test('report a foreign type as one', async () => {
        await engine.set(key, 'x');
        await expect(engine.run(counterWithLimit, [key], ['n', '10'])).rejects.toThrow(WrongTypeError);
      });
    });

    describe('a batch', () => {
      test('settles each operation by itself, in order', async () => {
        await engine.set(`${key}string`, 'x');
        const results = await engine.batch([
          { op: 'set', key, value: 'a' },
          { op: 'hincrby', key: `${key}string`, field: 'n', by: 1 },
          { op: 'get', key },
          { op: 'mget', keys: [key, `${key}none`] },
          { op: 'set', key, value: 'b', nx: true },
          { op: 'run', script: counterWithLimit, keys: [`${key}count`], args: ['n', '5'] },
          { op: 'pexpire', key: `${key}none`, ttlMs: 5 },
          { op: 'pttl', key },
          { op: 'del', keys: [key, `${key}string`] },
        ]);
        expect(results.map((result) => (result.ok ? result.value : result.error.name))).toEqual([
          true,
          'WrongTypeError',
          Buffer.from('a'),
          [Buffer.from('a'), null],
          false,
          1,
          false,
          null,
          2,
        ]);
      });

      test('of nothing is nothing', async () => {
        expect(await engine.batch([])).toEqual([]);
      });
    });

    test.runIf(traits.subscribes !== false)('what is published reaches who subscribed, until they leave', async () => {
      const channel = uniquePrefix('channel');
      const received: string[] = [];
      const two = Promise.withResolvers<void>();
      const leave = await engine.subscribe(channel, (message) => {
        received.push(message.toString());
        if (received.length === 2) two.resolve();
      });
      const receivers = traits.countsReceivers === false ? expect.any(Number) : 1;
      expect(await engine.publish(channel, 'one')).toEqual(receivers);
      expect(await engine.publish(channel, Buffer.from('two'))).toEqual(receivers);
      await two.promise;
      expect(received.toSorted((a, b) => a.localeCompare(b))).toEqual(['one', 'two']);
      leave();
      await expect.poll(() => engine.publish(channel, 'three')).toBe(0);
    });

    test.runIf(traits.subscribes === false)('refuses to subscribe, and says so', async () => {
      await expect(engine.subscribe('channel', () => undefined)).rejects.toThrow(UnsupportedError);
    });

    test('tells the time and about itself', async () => {
      expect(Math.abs((await engine.time()) - Date.now())).toBeLessThan(60_000);
      expect(await engine.info()).toHaveProperty('used_memory');
      expect(engine.status).toMatchObject({ available: true, breaker: 'closed' });
    });

    test('a closed engine fails at once, and closes again without complaint', async () => {
      const other = await create();
      await other.close();
      await other.close();
      expect(other.status).toMatchObject({ available: false, reason: 'closed' });
      await expect(other.mget([key])).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    });
  });
}
