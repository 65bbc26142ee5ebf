import { describe, expect, it } from 'vitest';
import { Cache } from '@holdfast/cache';
import { UnavailableError } from '@holdfast/redis-core';
import type { SourceOptions } from '@holdfast/sources';
import { pagesOf, sendJson, startHttp } from './http-fixture.ts';
import type { Answer, HttpFixture } from './http-fixture.ts';
import { engineKinds, openMirror, targetOf } from './mirror-fixture.ts';
import type { MirrorFixture } from './mirror-fixture.ts';

const before = 'abcde'.split('').map((id) => ({ id, size: 1 }));
const after = 'abcxy'.split('').map((id) => ({ id, size: 2 }));
const good = pagesOf(() => after);

/** A good upstream but for one page. */
const onPage =
  (number: number, bad: Answer): Answer =>
  (request, response, url) =>
    (Number(url.searchParams.get('page')) === number ? bad : good)(request, response, url);

const html: Answer = (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end('<!doctype html><title>Sign in</title>');
};
const status =
  (code: number): Answer =>
  (_request, response) =>
    sendJson(response, { error: 'no' }, code);
const text =
  (body: string): Answer =>
  (_request, response) =>
    sendJson(response, body);
const broken: Answer = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': 500 });
  response.write('{"things":[{"id":"a"},', () => response.destroy());
};
const closed: Answer = (request) => request.socket.destroy();
const samePage: Answer = (_request, response) => sendJson(response, { things: after.slice(0, 2), total: 5 });
const silent: Answer = () => {};

interface Case {
  readonly name: string;
  readonly answer: Answer;
  readonly code: string;
  readonly source?: Partial<SourceOptions>;
}

const cases: Case[] = [
  { name: '500', answer: status(500), code: 'UPSTREAM_FAILED' },
  { name: '500 on the second page', answer: onPage(2, status(500)), code: 'UPSTREAM_FAILED' },
  { name: '500 on the last page', answer: onPage(3, status(500)), code: 'UPSTREAM_FAILED' },
  { name: '429', answer: onPage(2, status(429)), code: 'UPSTREAM_FAILED' },
  { name: '401', answer: status(401), code: 'UPSTREAM_REJECTED' },
  { name: 'HTML', answer: html, code: 'UPSTREAM_NOT_JSON' },
  { name: 'HTML on the second page', answer: onPage(2, html), code: 'UPSTREAM_NOT_JSON' },
  { name: 'half a page of JSON', answer: onPage(2, text('{"things":[{"id":"c"},{"i')), code: 'UPSTREAM_INCOMPLETE' },
  { name: 'half a page and a broken connection', answer: onPage(2, broken), code: 'UPSTREAM_INCOMPLETE' },
  {
    name: 'half a page of items',
    answer: onPage(2, text('{"things":[{"id":"c"}],"total":5}')),
    code: 'UPSTREAM_INCOMPLETE',
  },
  {
    name: 'an empty page in the middle',
    answer: onPage(2, text('{"things":[],"total":5}')),
    code: 'UPSTREAM_INCOMPLETE',
  },
  { name: 'the same page for ever', answer: samePage, code: 'UPSTREAM_PAGE_REPEATED' },
  {
    name: 'the same page for ever, without a total',
    answer: samePage,
    code: 'UPSTREAM_PAGE_REPEATED',
    source: { pagination: { kind: 'page', pageParam: 'page', sizeParam: 'size', size: 2 } },
  },
  { name: 'a closed connection', answer: closed, code: 'UPSTREAM_UNREACHABLE' },
  { name: 'a closed connection on the second page', answer: onPage(2, closed), code: 'UPSTREAM_UNREACHABLE' },
  { name: 'an empty body', answer: text(''), code: 'UPSTREAM_NOT_JSON' },
  { name: 'an empty list', answer: text('{"things":[],"total":0}'), code: 'SOURCE_EMPTY' },
  { name: 'silence', answer: silent, code: 'UPSTREAM_TIMEOUT', source: { timeoutMs: 60 } },
  {
    name: 'silence on the second page',
    answer: onPage(2, silent),
    code: 'UPSTREAM_TIMEOUT',
    source: { timeoutMs: 60 },
  },
  { name: 'another shape', answer: text('{"code":0,"data":null}'), code: 'UPSTREAM_INVALID' },
  {
    name: 'an item without an id',
    answer: onPage(3, text('{"things":[{"size":2}],"total":5}')),
    code: 'UPSTREAM_INVALID',
  },
  {
    name: 'too large a page',
    answer: onPage(2, text(`{"x":"${'x'.repeat(3_000)}"}`)),
    code: 'UPSTREAM_TOO_LARGE',
    source: { maxPageBytes: 2_000 },
  },
  { name: 'too many items', answer: good, code: 'UPSTREAM_TOO_LARGE', source: { maxItems: 4 } },
  { name: 'too many pages', answer: good, code: 'UPSTREAM_TOO_LARGE', source: { maxPages: 2 } },
];

describe.each(engineKinds)('on the %s engine', (kind) => {
  /** A mirror that has synced once from a good upstream, and now has a bad one. */
  async function open({
    answer,
    source = {},
  }: Pick<Case, 'answer' | 'source'>): Promise<MirrorFixture & { upstream: HttpFixture }> {
    const upstream = await startHttp(pagesOf(() => before));
    const { timeoutMs = 5_000 } = source;
    const fixture = openMirror({ url: upstream.url, target: targetOf(kind), source: { timeoutMs } });
    await fixture.mirror.sync();
    upstream.answer(answer);
    return { ...fixture, upstream };
  }

  it.each(cases)('$name is $code and leaves the cache as it was', async ({ answer, code, source = {} }) => {
    const upstream = await startHttp(pagesOf(() => before));
    const fixture = openMirror({ url: upstream.url, target: targetOf(kind), source });
    const { cache, content } = fixture;
    // Bounds that a case sets are too tight for the first sync, so that one is done by a mirror without them.
    await seed(fixture);
    const expected = await content();
    const created = (await cache.read('a'))?.createdAt;
    fixture.clock.advance(1_000);
    upstream.answer(answer);

    await expect(fixture.mirror.sync()).rejects.toMatchObject({ code });

    expect(await content()).toEqual(expected);
    expect((await cache.read('a'))?.createdAt).toBe(created);
    expect(await fixture.mirror.state()).toMatchObject({ items: 5, healthy: false, lastError: { code } });
    expect(upstream.requests.length).toBeLessThanOrEqual(6);
  });

  it('a bad upstream that is good again is mirrored again', async () => {
    const { mirror, upstream, content } = await open({ answer: onPage(2, html) });
    await expect(mirror.sync()).rejects.toThrow();
    upstream.answer(good);
    expect(await mirror.sync()).toMatchObject({ updated: 5, deleted: 2 });
    expect(Object.keys(await content())).toEqual(['a', 'b', 'c', 'x', 'y']);
  });

  it('a write that fails prunes nothing', async () => {
    const { cache, another, content, mirror } = await open({ answer: good });
    const failing = new Proxy(cache, {
      get(target, name) {
        if (name === 'writeMany') {
          return async (items: Parameters<typeof cache.writeMany>[0]) => {
            const result = await target.writeMany(items.slice(0, 3));
            const errors = [{ key: 'x', code: 'REDIS_OUT_OF_MEMORY', detail: 'Redis is out of memory.' }];
            return { ...result, failed: 1, errors };
          };
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    await expect(another({ cache: failing }).sync()).rejects.toMatchObject({
      code: 'SOURCE_WRITE_FAILED',
      retryable: true,
    });
    expect(Object.keys(await content())).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await mirror.sync()).toMatchObject({ deleted: 2 });
    expect(Object.keys(await content())).toEqual(['a', 'b', 'c', 'x', 'y']);
  });

  it('a namespace that is off is an error, not a sync that does nothing', async () => {
    const { another, engine, keys } = await open({ answer: good });
    const off = new Cache({ engine, keys, namespace: 'things', ttlMs: 0 });
    await expect(another({ cache: off }).sync()).rejects.toMatchObject({ code: 'SOURCE_WRITE_FAILED' });
  });

  it('without Redis a sync fails as Redis does, and writes nothing', async () => {
    const { mirror, engine } = await open({ answer: good });
    await engine.close();
    await expect(mirror.sync()).rejects.toBeInstanceOf(UnavailableError);
    await expect(mirror.item('a')).rejects.toBeInstanceOf(UnavailableError);
    await expect(mirror.state()).rejects.toBeInstanceOf(UnavailableError);
  });
});

async function seed({ engine, keys, cache }: MirrorFixture): Promise<void> {
  const body = (item: object): string => JSON.stringify(item);
  const origin = 'source:things';
  await engine.zadd(
    keys.sourceIndex('things'),
    before.map(({ id }) => ({ member: id, score: 0 })),
  );
  await cache.writeMany(
    before.map((item) => ({ key: item.id, body: body(item), contentType: 'application/json', ttlMs: null, origin })),
  );
}
