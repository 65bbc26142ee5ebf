import { eventually, TestClock } from '@holdfast/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryEngine, OutOfMemoryError } from '../src/index.ts';

const value = Buffer.alloc(800, 'x');

describe('the memory engine', () => {
  test('forgets a key when its time is over, and not before', async () => {
    const clock = new TestClock();
    const engine = new MemoryEngine({ now: clock.now });
    await engine.set('a', '1', { pxMs: 1000 });
    clock.advance(1000);
    expect((await engine.mget(['a']))[0]?.toString()).toBe('1');
    expect(await engine.pttl('a')).toBe(0);
    clock.advance(1);
    expect(await engine.mget(['a'])).toEqual([null]);
    expect(await engine.del(['a'])).toBe(0);
  });

  test('frees what expired as new keys come, without a timer', async () => {
    const clock = new TestClock();
    const engine = new MemoryEngine({ now: clock.now });
    for (let index = 0; index < 100; index += 1) await engine.set(`old${index}`, value, { pxMs: 10 });
    clock.advance(11);
    for (let index = 0; index < 100; index += 1) await engine.set(`new${index}`, '1');
    expect(await engine.info()).toMatchObject({ db0: 'keys=100' });
  });

  test('frees what expired as time goes by, where no keys come either', async () => {
    const clock = new TestClock();
    const engine = new MemoryEngine({ now: clock.now, sweepEveryMs: 20 });
    // More than are looked at in one turn.
    for (let index = 0; index < 12_000; index += 1) {
      await engine.set(`key${index}`, '1', index % 2 === 0 ? { pxMs: 10 } : {});
    }
    clock.advance(11);
    await eventually(async () => expect(await engine.dbsize()).toBe(6000));
    // And once more, what expires after that.
    await engine.pexpire('key1', 10);
    clock.advance(11);
    await eventually(async () => expect(await engine.dbsize()).toBe(5999));
    await engine.close();
  });

  test('keeps within its bytes by evicting what was not used for long', async () => {
    const evicted: string[] = [];
    const engine = new MemoryEngine({ maxBytes: 100_000, onEvict: (key) => evicted.push(key) });
    await engine.set('hot', value);
    for (let index = 0; index < 500; index += 1) {
      await engine.set(`cold${index}`, value);
      await engine.mget(['hot']);
    }
    expect(Number((await engine.info())['used_memory'])).toBeLessThanOrEqual(100_000);
    expect(evicted).not.toContain('hot');
    expect(evicted.length).toBeGreaterThan(300);
  });

  test('refuses a write at its limit where nothing may be evicted, and changes nothing', async () => {
    const engine = new MemoryEngine({ maxBytes: 3000, eviction: 'noeviction' });
    await engine.set('a', value);
    await engine.set('b', value);
    await expect(engine.set('c', value)).rejects.toThrow(OutOfMemoryError);
    await expect(engine.set('a', Buffer.alloc(5000))).rejects.toThrow(OutOfMemoryError);
    expect(await engine.mget(['a', 'b', 'c'])).toEqual([value, value, null]);
    await engine.del(['a']);
    expect(await engine.set('c', value)).toMatchObject({ stored: true });
  });

  test('a value that can never fit is refused', async () => {
    const engine = new MemoryEngine({ maxBytes: 1000 });
    await expect(engine.set('a', Buffer.alloc(2000))).rejects.toThrow(OutOfMemoryError);
  });

  test('accounts for what it holds: an empty store holds no bytes', async () => {
    const operation = fc.oneof(
      fc.record({ do: fc.constant('set'), key: fc.constantFrom('a', 'b') }),
      fc.record({ do: fc.constant('hset'), key: fc.constantFrom('h', 'i') }),
      fc.record({ do: fc.constant('zadd'), key: fc.constantFrom('y', 'z') }),
      fc.record({ do: fc.constantFrom('hdel', 'zrem', 'del'), key: fc.constantFrom('a', 'h', 'i', 'y', 'z') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(operation, fc.nat(3), fc.string())), async (program) => {
        const engine = new MemoryEngine();
        for (const [step, number, text] of program) {
          const field = `f${number}`;
          const work = {
            set: () => engine.set(step.key, text),
            hset: () => engine.hset(step.key, { [field]: text }),
            zadd: () => engine.zadd(step.key, [{ member: field, score: number }]),
            hdel: () => engine.hdel(step.key, [field]),
            zrem: () => engine.zrem(step.key, [field]),
            del: () => engine.del([step.key]),
          }[step.do as 'set'];
          await work().catch(() => undefined); // A wrong type is refused; what matters is that nothing leaks.
        }
        await engine.del(['a', 'b', 'h', 'i', 'y', 'z']);
        expect(await engine.info()).toMatchObject({ used_memory: '0', db0: 'keys=0' });
      }),
    );
  });

  test('a scan ends, and sees every key that stays, whatever happens meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), fc.nat(80)), { maxLength: 200 }), async (changes) => {
        const engine = new MemoryEngine();
        const stay = Array.from({ length: 50 }, (_, index) => `stay${index}`);
        for (const [index, key] of stay.entries()) {
          await engine.set(`go${index}`, '1');
          await engine.set(key, '1');
        }
        const seen = new Set<string>();
        let cursor: string | null | undefined;
        let pages = 0;
        while (cursor !== null) {
          const page = await engine.scan({ prefix: 'stay', count: 7, ...(cursor === undefined ? {} : { cursor }) });
          for (const key of page.keys) seen.add(key);
          cursor = page.cursor;
          pages += 1;
          expect(pages).toBeLessThan(100);
          for (const [add, number] of changes.splice(0, 10)) {
            await (add ? engine.set(`new${number}`, '1') : engine.del([`go${number}`]));
            await engine.set(`stay${number % 50}`, '2');
          }
        }
        expect(seen).toEqual(new Set(stay));
      }),
      { numRuns: 50 },
    );
  });

  test('a scan goes on from a cursor whose iterator it has dropped', async () => {
    const engine = new MemoryEngine();
    for (let index = 0; index < 300; index += 1) await engine.set(`k${index}`, '1');
    const first = await engine.scan({ prefix: 'k', count: 10 });
    const cursor = first.cursor ?? '';
    for (let other = 0; other < 100; other += 1) await engine.scan({ prefix: 'k', count: other + 1 });
    const second = await engine.scan({ prefix: 'k', count: 10, cursor });
    expect(second.keys[0]).toBe('k10');
    expect((await engine.scan({ prefix: 'k', count: 10, cursor })).keys).toEqual(second.keys);
  });
});
