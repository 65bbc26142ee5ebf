import { NotSerializableError } from '@holdfast/redis-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashKey } from '../src/hash-key.ts';

/** A copy that is equal, with every object, map and set in another order, and with properties that are undefined. */
function shuffled(value: unknown, order: (count: number) => readonly number[]): unknown {
  const inOrder = <Item>(items: readonly Item[]): Item[] =>
    order(items.length).flatMap((index) => items.slice(index, index + 1));
  if (Array.isArray(value)) return value.map((item) => shuffled(item, order));
  if (value instanceof Map) {
    return new Map(inOrder([...value]).map(([key, item]) => [shuffled(key, order), shuffled(item, order)]));
  }
  if (value instanceof Set) return new Set(inOrder([...value]).map((item) => shuffled(item, order)));
  if (typeof value === 'object' && value !== null && !(value instanceof Date) && !(value instanceof Uint8Array)) {
    const copy = Object.fromEntries(
      inOrder(Object.entries(value)).map(([name, item]) => [name, shuffled(item, order)]),
    );
    return 'absent' in copy ? copy : { absent: undefined, ...copy };
  }
  return value;
}

const anyQuery = fc.anything({
  withBigInt: true,
  withDate: false,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
});

describe('hashKey', () => {
  test('is the same for the same query, in every process and version', () => {
    expect(hashKey({ text: 'shoes', page: 2, filters: { brand: ['a', 'b'] } })).toBe('qKvhfDe8S123Ix8-WDwVbW');
  });

  test('is 22 characters that need no encoding, behind a readable prefix where wanted', () => {
    expect(hashKey({})).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(hashKey({}, { prefix: 'search' })).toBe(`search.${hashKey({})}`);
    expect(hashKey({}, { prefix: '' })).toBe(hashKey({}));
  });

  test('does not depend on the order of properties and members, nor on undefined properties', () => {
    fc.assert(
      fc.property(anyQuery, fc.infiniteStream(fc.nat(1_000_000)), (query, numbers) => {
        const order = (count: number): number[] => {
          const ranks = Array.from({ length: count }, (_, index): [number, number] => [
            numbers.next().value ?? 0,
            index,
          ]);
          return ranks.sort(([a], [b]) => a - b).map(([, index]) => index);
        };
        expect(hashKey(shuffled(query, order))).toBe(hashKey(query));
      }),
      { numRuns: 300 },
    );
  });

  test('differs for all pairs of different values of a small domain', () => {
    // All JSON texts over a few atoms that look alike: different values have different texts once sorted by hand.
    const atoms: unknown[] = [null, true, false, 0, 1, -1, '', '0', '1', 'true', 'null', 'a', '[]', '{}', 's"a"', ']'];
    const level = (parts: readonly unknown[]): unknown[] => [
      [],
      {},
      ...parts.map((part) => [part]),
      ...parts.map((part) => ({ a: part })),
      ...parts.map((part) => ({ b: part })),
      ...parts.slice(0, 12).flatMap((a) => parts.slice(0, 12).flatMap((b) => [[a, b], { a, b }])),
    ];
    const once = level(atoms);
    const domain = [...atoms, ...once, ...level(once)];
    const texts = new Map<string, string>();
    for (const value of domain) {
      const text = JSON.stringify(value);
      expect(texts.get(hashKey(value)) ?? text).toBe(text);
      texts.set(hashKey(value), text);
    }
    expect(texts.size).toBe(new Set(domain.map((value) => JSON.stringify(value))).size);
  });

  test('tells types apart', () => {
    const alike: unknown[] = [
      1,
      '1',
      1n,
      true,
      [1],
      ['1'],
      new Set([1]),
      new Set(['1']),
      new Map([[1, undefined]]),
      new Map([['1', undefined]]),
      { 1: 1 },
      new Map([['1', 1]]),
      null,
      undefined,
      'undefined',
      [undefined],
      [null],
      [],
      {},
      new Map(),
      new Set(),
      Number.NaN,
      'NaN',
      Infinity,
      new Date(1),
      '1970-01-01T00:00:00.001Z',
      new URL('https://a.example/'),
      'https://a.example/',
      /a/u,
      /a/g,
      '/a/u',
      new Uint8Array([1]),
      new Int8Array([1]),
      new Uint8Array([1]).buffer,
      '\ud800',
      '\ud801',
      '\ufffd',
    ];
    expect(new Set(alike.map((value) => hashKey(value))).size).toBe(alike.length);
  });

  test('takes for equal what is documented as equal', () => {
    expect(hashKey(0)).toBe(hashKey(-0));
    expect(hashKey(Object.assign(Object.create(null) as object, { a: 1 }))).toBe(hashKey({ a: 1 }));
    expect(hashKey({ a: 1, b: undefined })).toBe(hashKey({ a: 1 }));
    expect(hashKey(Buffer.from('a'))).toBe(hashKey(new Uint8Array([97])));
    const holes: unknown[] = [];
    holes.length = 1;
    expect(hashKey(holes)).toBe(hashKey([undefined]));
    const shared = { x: 1 };
    expect(hashKey([shared, shared])).toBe(hashKey([{ x: 1 }, { x: 1 }]));
  });

  const cycle: Record<string, unknown> = { name: 'a' };
  cycle['items'] = [{ parent: cycle }];
  const deep = Array.from({ length: 5000 }).reduce<unknown>((inner) => [inner], 0);
  const bomb = Array.from({ length: 60 }).reduce<unknown>((inner) => [inner, inner], 0);
  test.each([
    ['a function', { filter: [(): number => 1] }, '/filter/0'],
    ['a symbol', { 'a/b': Symbol('s') }, '/a~1b'],
    ['a symbol as a name', { a: { [Symbol('s')]: 1 } }, '/a'],
    ['an instance of a class', { a: new Error('e') }, '/a'],
    ['a promise', [Promise.resolve()], '/0'],
    ['a boxed primitive', [Object(1)], '/0'],
    ['an invalid date', { at: new Date(Number.NaN) }, '/at'],
    ['a cycle', cycle, '/items/0/parent'],
    ['a function in a map', new Map([['f', (): number => 1]]), '/f'],
    ['what is nested too deep', deep, expect.stringMatching(/^\/0/)],
    ['what repeats itself without end', bomb, expect.stringMatching(/^\/0/)],
  ])('refuses %s and says where it is', (_what, value, path) => {
    let caught: unknown;
    try {
      hashKey(value);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(NotSerializableError);
    expect(caught).toMatchObject({ issues: [{ path }] });
  });
});
