import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { outlineJson } from '@holdfast/redis-core';
import { outlineBoundsOf, type OutlinedJson, Pages, readPage } from '@holdfast/sources';
import type { Page, SourceOptions } from '@holdfast/sources';
import { sampleSource, sourceWithoutTotal } from './sample-source.ts';

const page = (number: number, ids: string, total?: number): Page => ({
  number,
  items: ids.split('').map((id) => ({ id, body: `{"id":"${id}","page":${number}}` })),
  ...(total === undefined ? {} : { total }),
});

function collect(source: SourceOptions, ...pages: Page[]): Pages {
  const collected = new Pages(source);
  for (const one of pages) collected.add(one);
  return collected;
}

const withTotal = sampleSource();
const withoutTotal = sourceWithoutTotal();
const ids = (pages: Pages): string => [...pages.reading().items.keys()].join('');

describe('with a total', () => {
  it('all other pages are due after the first', () => {
    expect(new Pages(withTotal).due()).toEqual([1]);
    expect(collect(withTotal, page(1, 'ab', 5)).due()).toEqual([2, 3]);
    expect(collect(withTotal, page(1, 'ab', 5), page(2, 'cd', 5)).due()).toEqual([3]);
    expect(collect(withTotal, page(1, '', 0)).due()).toEqual([]);
  });

  it('the last page may be short', () => {
    const pages = collect(withTotal, page(1, 'ab', 3), page(2, 'c', 3));
    expect(pages.due()).toEqual([]);
    expect(ids(pages)).toBe('abc');
    expect(pages.reading().consistent).toBe(true);
  });

  it.each([
    ['the first page is short', [page(1, 'a', 5)]],
    ['the first page is empty', [page(1, '', 5)]],
    ['a page in the middle is short', [page(1, 'ab', 5), page(2, 'c', 5)]],
    ['the last page is empty', [page(1, 'ab', 3), page(2, '', 3)]],
    ['the last page is half', [page(1, 'ab', 4), page(2, 'c', 4)]],
  ])('it is incomplete when %s', (_name, pages) => {
    expect(() => collect(withTotal, ...pages)).toThrow(expect.objectContaining({ code: 'UPSTREAM_INCOMPLETE' }));
  });

  it('the same page twice is an error', () => {
    expect(() => collect(withTotal, page(1, 'ab', 5), page(2, 'ab', 5))).toThrow(
      expect.objectContaining({ code: 'UPSTREAM_PAGE_REPEATED' }),
    );
  });

  it('an item that moved to the next page while it was read keeps its later state, and the reading is inconsistent', () => {
    const { items, consistent } = collect(withTotal, page(1, 'ab', 3), page(2, 'bc', 4)).reading();
    expect(items.get('b')).toBe('{"id":"b","page":2}');
    expect(consistent).toBe(false);
  });

  it.each([
    ['grew', [page(1, 'ab', 4), page(2, 'cd', 5)]],
    ['shrank', [page(1, 'ab', 4), page(2, 'd', 3)]],
    ['lost its last page', [page(1, 'ab', 3), page(2, '', 2)]],
    ['moved without changing its size', [page(1, 'ab', 4), page(2, 'bc', 4)]],
    ['has an id twice', [page(1, 'aa', 2)]],
  ])('a collection that %s is inconsistent', (_name, pages) => {
    expect(collect(withTotal, ...pages).reading().consistent).toBe(false);
  });
});

describe('without a total', () => {
  it('one page at a time is due, until one is empty', () => {
    expect(collect(withoutTotal, page(1, 'ab')).due()).toEqual([2]);
    expect(collect(withoutTotal, page(1, 'ab'), page(2, '')).due()).toEqual([]);
    expect(collect(withoutTotal, page(1, '')).due()).toEqual([]);
  });

  it('a short page is the end only when the next one brings nothing', () => {
    expect(collect(withoutTotal, page(1, 'a')).due()).toEqual([2]);
    expect(collect(withoutTotal, page(1, 'a'), page(2, '')).due()).toEqual([]);
    expect(collect(withoutTotal, page(1, 'a'), page(2, 'a')).due()).toEqual([]);
    expect(() => collect(withoutTotal, page(1, 'a'), page(2, 'bc'))).toThrow(
      expect.objectContaining({
        code: 'UPSTREAM_INCOMPLETE',
        message: 'Page 1 of "things" was cut short: more items follow it.',
      }),
    );
  });

  it('the same full page for ever is an error', () => {
    expect(() => collect(withoutTotal, page(1, 'ab'), page(2, 'ab'))).toThrow(
      expect.objectContaining({ code: 'UPSTREAM_PAGE_REPEATED' }),
    );
  });
});

describe('without pagination', () => {
  it('there is one page, of any size', () => {
    const pages = collect(sampleSource({ pagination: { kind: 'none' } }), page(1, 'abcdef'));
    expect(pages.due()).toEqual([]);
    expect(pages.reading().consistent).toBe(true);
  });
});

describe('bounds', () => {
  const tooLarge = expect.objectContaining({ code: 'UPSTREAM_TOO_LARGE' });

  it('hold for items, announced or not', () => {
    expect(() => collect(sampleSource({ maxItems: 3 }), page(1, 'ab', 4))).toThrow(tooLarge);
    expect(() => collect(sourceWithoutTotal({ maxItems: 3 }), page(1, 'ab'), page(2, 'cd'))).toThrow(tooLarge);
    expect(() => collect(sampleSource({ maxItems: 3, pagination: { kind: 'none' } }), page(1, 'abcd'))).toThrow(
      tooLarge,
    );
  });

  it('hold for pages, announced or not', () => {
    expect(() => collect(sampleSource({ maxPages: 1 }), page(1, 'ab', 3))).toThrow(tooLarge);
    expect(() => collect(sourceWithoutTotal({ maxPages: 2 }), page(1, 'ab'), page(2, 'cd'))).toThrow(tooLarge);
  });

  it('hold for the size of a page', () => {
    expect(() => collect(withTotal, page(1, 'abc', 3))).toThrow(expect.objectContaining({ code: 'UPSTREAM_INVALID' }));
  });
});

function outlined(body: unknown, source: SourceOptions): OutlinedJson {
  const bytes = Buffer.from(JSON.stringify(body));
  const { levels, maxParts } = outlineBoundsOf(source);
  const whole = outlineJson(bytes, levels, maxParts);
  if (typeof whole === 'string') throw new Error(whole);
  return { bytes, whole };
}

describe('a page', () => {
  it('is found at the configured fields', async () => {
    const source = sampleSource({
      itemsField: 'data.list',
      idField: 'key',
      pagination: { kind: 'page', pageParam: 'p', sizeParam: 's', size: 2, totalField: 'data.count' },
    });
    const body = { data: { list: [{ z: 1, key: 'a' }, { key: 7 }], count: 2 } };
    expect(await readPage(outlined(body, source), 1, source)).toEqual({
      number: 1,
      items: [
        { id: 'a', body: '{"z":1,"key":"a"}' },
        { id: '7', body: '{"key":7}' },
      ],
      total: 2,
    });
    const bare = sourceWithoutTotal({ itemsField: '' });
    expect((await readPage(outlined([{ id: 'a' }], bare), 1, bare)).items).toHaveLength(1);
  });

  it.each([
    ['no list', { total: 1 }],
    ['a list that is none', { things: { 0: { id: 'a' } }, total: 1 }],
    ['null', null],
    ['no total', { things: [] }],
    ['a total that is text', { things: [], total: '3' }],
    ['a negative total', { things: [], total: -1 }],
    ['a total that is no whole number', { things: [], total: 1.5 }],
    ['an item without an id', { things: [{ name: 'a' }], total: 1 }],
    ['an item that is null', { things: [null], total: 1 }],
    ['an item that is a list', { things: [['a']], total: 1 }],
    [
      'an item that is nested too deep',
      { things: [JSON.parse(`{"id":"a","x":${'['.repeat(900)}${']'.repeat(900)}}`)], total: 1 },
    ],
    ['an empty id', { things: [{ id: '' }], total: 1 }],
    ['an id that is null', { things: [{ id: null }], total: 1 }],
    ['an id that is no whole number', { things: [{ id: 1.5 }], total: 1 }],
    ['an id beyond exact numbers', { things: [{ id: 2 ** 53 }], total: 1 }],
    ['an id that cannot be in a path', { things: [{ id: '..' }], total: 1 }],
    ['an id of 513 bytes', { things: [{ id: 'ä'.repeat(256) + 'a' }], total: 1 }],
  ])('with %s is invalid', async (_name, body) => {
    const page = outlined(body, withTotal);
    await expect(readPage(page, 1, withTotal)).rejects.toMatchObject({ code: 'UPSTREAM_INVALID' });
  });
});

describe('for every collection and page size', () => {
  const collections = fc.record({
    list: fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,4}$/), { maxLength: 40 }),
    size: fc.integer({ min: 1, max: 12 }),
    total: fc.boolean(),
  });

  it('reading what is due yields exactly the collection', async () => {
    await fc.assert(
      fc.asyncProperty(collections, async ({ list, size, total }) => {
        const pagination = { kind: 'page', pageParam: 'p', sizeParam: 's', size } as const;
        const source = sampleSource({ pagination: total ? { ...pagination, totalField: 'total' } : pagination });
        const pages = new Pages(source);
        for (let due = pages.due(); due.length > 0; due = pages.due()) {
          for (const number of due) {
            const things = list.slice((number - 1) * size, number * size).map((id) => ({ id }));
            pages.add(await readPage(outlined({ things, total: list.length }, source), number, source));
          }
        }
        expect([...pages.reading().items.keys()]).toEqual(list);
        expect(pages.reading().consistent).toBe(true);
      }),
    );
  });

  it('a page with a total that lacks items is never taken for the whole', async () => {
    const cases = fc.record({
      count: fc.integer({ min: 1, max: 40 }),
      size: fc.integer({ min: 1, max: 12 }),
      lost: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ count, size, lost }) => {
        const list = Array.from({ length: count }, (_, index) => ({ id: `i${index}` }));
        const pagination = { kind: 'page', pageParam: 'p', sizeParam: 's', size, totalField: 'total' } as const;
        const source = sampleSource({ pagination });
        const broken = 1 + (lost % Math.ceil(count / size));
        const pages = new Pages(source);
        const reading = async (): Promise<void> => {
          for (let number = 1; number <= broken; number += 1) {
            const things = list.slice((number - 1) * size, number * size);
            const body = { things: number === broken ? things.slice(1) : things, total: count };
            pages.add(await readPage(outlined(body, source), number, source));
          }
        };
        await expect(reading()).rejects.toMatchObject({ code: 'UPSTREAM_INCOMPLETE' });
      }),
    );
  });
});
