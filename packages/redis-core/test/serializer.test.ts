import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CorruptValueError, deserialize, NotSerializableError, serialize } from '../src/index.ts';

const roundTrip = (value: unknown): unknown => deserialize(Buffer.from(serialize(value)));

describe('the serializer', () => {
  test('stores plain JSON as plain JSON', () => {
    expect(serialize({ a: [1, 'x', null, true], b: {} })).toBe('{"a":[1,"x",null,true],"b":{}}');
  });

  test('round-trips any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(roundTrip(value)).toEqual(value);
      }),
    );
  });

  test('round-trips the types that JSON loses, anywhere', () => {
    const special = fc.oneof(
      fc.date({ noInvalidDate: false }),
      fc.bigInt(),
      fc.constantFrom(undefined, NaN, Infinity, -Infinity, -0),
      fc.uint8Array(),
      fc.int16Array(),
      fc.float64Array(),
      fc.bigInt64Array(),
      fc.webUrl().map((url) => new URL(url)),
    );
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        special,
        fc.jsonValue({ maxDepth: 1 }),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('$hf', '__proto__', 'toString')), tie('node'), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
        fc.array(fc.tuple(tie('node'), tie('node')), { maxLength: 3 }).map((entries) => new Map(entries)),
        fc.array(tie('node'), { maxLength: 3 }).map((items) => new Set(items)),
      ),
    })).node;
    fc.assert(
      fc.property(value, (original) => {
        expect(roundTrip(original)).toStrictEqual(original);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['Buffer', Buffer.from([1, 2, 255])],
    ['ArrayBuffer', new Uint8Array([1, 2]).buffer],
    ['DataView', new DataView(new Uint8Array([1, 2]).buffer)],
    ['RegExp', /a(b)\/"/giu],
    ['invalid Date', new Date(NaN)],
    ['sparse array', [1, , 3]], // oxlint-disable-line no-sparse-arrays -- a hole is what is tested
  ])('keeps a %s', (_name, value) => {
    const back = roundTrip(value) as object;
    expect(Object.getPrototypeOf(back)).toBe(Object.getPrototypeOf(value));
    expect(back).toEqual(value);
  });

  test('keeps errors: class, message, stack, cause and fields', () => {
    const original = Object.assign(new TypeError('outer', { cause: new RangeError('inner') }), { code: 'E1' });
    const back = roundTrip(original) as TypeError & { code: string };
    expect(back).toBeInstanceOf(TypeError);
    expect(back).toMatchObject({ name: 'TypeError', message: 'outer', code: 'E1', stack: original.stack });
    expect(back.cause).toBeInstanceOf(RangeError);
  });

  test('an error of another class comes back as an Error of that name', () => {
    class OutOfCheese extends Error {
      override name = 'OutOfCheese';
    }
    const back = roundTrip(new OutOfCheese('redo from start'));
    expect(back).toBeInstanceOf(Error);
    expect(back).toMatchObject({ name: 'OutOfCheese', message: 'redo from start' });
  });

  test.each([
    ['a function', { a: [1, { 'b/c': () => 1 }] }, '/a/1/b~1c'],
    ['a symbol', [Symbol('s')], '/0'],
    [
      'an instance of Point',
      {
        p: new (class Point {
          x = 1;
        })(),
      },
      '/p',
    ],
    ['an instance of Weekdays', new (class Weekdays extends Map {})(), ''],
    ['a function in a map', new Map([['k', () => 1]]), '/0/1'],
    ['an object with symbol keys', { [Symbol('s')]: 1 }, ''],
    ['a promise', { p: Promise.resolve() }, '/p'],
  ])('refuses %s and says where', (_name, value, path) => {
    expect(() => serialize(value)).toThrow(NotSerializableError);
    try {
      serialize(value);
    } catch (error) {
      expect((error as NotSerializableError).issues[0]?.path).toBe(path);
    }
  });

  test('refuses a cycle, but not the same object twice', () => {
    const shared = { a: 1 };
    expect(roundTrip([shared, shared])).toEqual([shared, shared]);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = { cycle };
    expect(() => serialize(cycle)).toThrow('/self/cycle cannot be stored');
  });

  test('refuses what is nested too deeply instead of overflowing the stack', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    expect(() => serialize(deep)).toThrow('nested more than 500 levels');
  });

  test.each([
    '{"__proto__":{"polluted":true}}',
    '!1{"__proto__":{"polluted":{"$hf":"undefined"}}}',
    '!1{"a":{"$hf":"object","v":[["__proto__",{"polluted":true}]]}}',
  ])('cannot be used to pollute prototypes: %s', (stored) => {
    const value = deserialize(stored) as { polluted?: unknown };
    expect(value.polluted).toBeUndefined();
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('says that a value is corrupt, whatever the bytes are', () => {
    const corrupt = ['', '{', '!1', '!1{"$hf":"Nope"}', '!1{"$hf":"Map","v":1}', '!1{"$hf":"constructor","v":""}'];
    for (const stored of corrupt) expect(() => deserialize(stored)).toThrow(CorruptValueError);
    fc.assert(
      fc.property(fc.uint8Array(), fc.boolean(), (bytes, tagged) => {
        try {
          deserialize(tagged ? `!1${Buffer.from(bytes).toString('latin1')}` : bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptValueError);
        }
      }),
    );
  });

  test('names the offender also deep inside of a value that is plain otherwise', () => {
    const value = { plain: [1, 2, { ok: true }], list: [0, { map: new Map([['k', { bad: (): void => undefined }]]) }] };
    expect(() => serialize(value)).toThrow('/list/1/map/0/1/bad');
  });

  test('compresses what is long, where that helps, and reads it back', () => {
    const long = { text: 'a rather repetitive text. '.repeat(400), at: new Date(0) };
    const options = { compressAboveBytes: 1024 };
    const stored = serialize(long, options);
    expect(Buffer.isBuffer(stored) && stored.length < 500).toBe(true);
    expect(deserialize(Buffer.from(stored as Buffer))).toEqual(long);
    expect(serialize({ short: true }, options)).toBe('{"short":true}');
    const noise = fc.sample(fc.base64String({ minLength: 1100, maxLength: 1200 }), { numRuns: 1, seed: 1 })[0];
    expect(deserialize(Buffer.from(serialize(noise, options) as string))).toBe(noise);
  });

  test('round-trips any JSON value whatever the threshold', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat({ max: 64 }), (value, compressAboveBytes) => {
        const stored = serialize(value, { compressAboveBytes });
        expect(deserialize(typeof stored === 'string' ? Buffer.from(stored) : stored)).toEqual(value);
      }),
    );
  });

  test('refuses more bytes than allowed, to store and to unfold', () => {
    const value = 'ä'.repeat(1000);
    expect(serialize(value, { maxBytes: 2002 })).toHaveLength(1002);
    expect(() => serialize(value, { maxBytes: 2001 })).toThrow(NotSerializableError);
    const bomb = serialize('0'.repeat(10_000_000), { compressAboveBytes: 1000 }) as Buffer;
    expect(bomb.length).toBeLessThan(2000);
    expect(() => deserialize(bomb, { maxBytes: 1_000_000 })).toThrow(CorruptValueError);
    expect(() => deserialize(Buffer.from('!znonsense'))).toThrow(CorruptValueError);
  });
});
