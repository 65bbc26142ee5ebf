import { eventually, monitor } from '@holdfast/testing';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

interface BulkItem {
  readonly key: string;
  readonly found: boolean;
  readonly value?: unknown;
  readonly bytes?: string;
  readonly contentType?: string;
  readonly ttlMs?: number;
  readonly detail?: string;
  readonly error?: { readonly code: string };
}
interface BulkAnswer {
  readonly successful: number;
  readonly failed: number;
  readonly errors: readonly { readonly key: string; readonly code: string; readonly detail: string }[];
  readonly batches: number;
  readonly commands: number;
  readonly durationMs: number;
}

describe.each(['redis', 'memory'] as const)('many entries in one request, in %s', (engine) => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi({ engine });
  });
  afterAll(() => api.close());

  const post = async (path: string, payload: InjectOptions['payload']) =>
    api.app.inject({ method: 'POST', url: `/v1/cache/${path}`, ...(payload === undefined ? {} : { payload }) });
  const bulk = async <Answer = BulkAnswer>(path: string, payload: InjectOptions['payload']): Promise<Answer> => {
    const answer = await post(path, payload);
    expect(answer.statusCode, answer.payload.slice(0, 500)).toBe(200);
    return answer.json<Answer>();
  };
  const read = async (namespace: string, ...keys: string[]): Promise<readonly BulkItem[]> =>
    (await bulk<{ items: BulkItem[] }>(`${namespace}/bulk/get`, { keys })).items;

  it('writes, reads in the order asked, and removes', async () => {
    const written = await bulk('prompts/bulk/set', {
      items: [
        { key: 'a', value: { n: 1 } },
        { key: 'b', value: null, ttl: '90s' },
        { key: 'c', value: 'text', ttl: 60_000 },
      ],
    });
    expect(written).toMatchObject({ successful: 3, failed: 0, errors: [], batches: 1, commands: 1 });
    expect(written.durationMs).toBeGreaterThan(0);

    const items = await read('prompts', 'c', 'missing', 'a', 'b', 'c');
    expect(items.map(({ key, found, value }) => [key, found, value])).toEqual([
      ['c', true, 'text'],
      ['missing', false, undefined],
      ['a', true, { n: 1 }],
      ['b', true, null],
      ['c', true, 'text'],
    ]);
    expect(items[0]?.ttlMs).toBeGreaterThan(50_000);
    expect(items[0]?.ttlMs).toBeLessThanOrEqual(60_000);
    expect(items[2]).toMatchObject({ detail: 'l2' });

    const removed = await bulk('prompts/bulk/delete', { keys: ['a', 'b', 'never'] });
    expect(removed).toMatchObject({ successful: 3, failed: 0 });
    expect((await read('prompts', 'a', 'b', 'c')).map(({ found }) => found)).toEqual([false, false, true]);
  });

  it('serves what was written in bulk as a single entry, as JSON', async () => {
    await bulk('prompts/bulk/set', { items: [{ key: 'single', value: { ä: [1, 'ü'] } }] });
    const answer = await api.app.inject('/v1/cache/prompts/single');
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.json()).toEqual({ ä: [1, 'ü'] });
  });

  it('gives what is not JSON as base64 with its type, and takes it back like that', async () => {
    const bytes = Buffer.from([0, 255, 10, 34]);
    const put = (key: string, type: string, payload: Buffer | string) =>
      api.app.inject({
        method: 'PUT',
        url: `/v1/cache/prompts/${key}`,
        payload,
        headers: { 'content-type': type },
      });
    await put('image', 'image/png', bytes);
    await put('problem', 'application/problem+json; charset=utf-8', '{ "status": 404 }');
    const [image, problem] = await read('prompts', 'image', 'problem');
    expect(image).toMatchObject({ found: true, contentType: 'image/png', bytes: bytes.toString('base64') });
    expect(problem).toMatchObject({ contentType: 'application/problem+json; charset=utf-8', value: { status: 404 } });

    await bulk('brand/bulk/set', {
      items: [
        { key: 'image', contentType: image?.contentType, bytes: image?.bytes },
        { key: 'problem', contentType: problem?.contentType, value: problem?.value },
      ],
    });
    const copy = await api.app.inject('/v1/cache/brand/image');
    expect(copy.rawPayload.equals(bytes)).toBe(true);
    expect(copy.headers['content-type']).toBe('image/png');
    expect((await api.app.inject('/v1/cache/brand/problem')).headers['content-type']).toContain('problem+json');
  });

  it('keeps numbers and text as they were written', async () => {
    await api.app.inject({
      method: 'PUT',
      url: '/v1/cache/prompts/exact',
      payload: '{"n": 12345678901234567890, "__proto__": 1}',
      headers: { 'content-type': 'application/json' },
    });
    const answer = await post('prompts/bulk/get', { keys: ['exact'] });
    expect(answer.payload).toContain('"value":{"n": 12345678901234567890, "__proto__": 1}');
  });

  it('fails items alone', async () => {
    const answer = await bulk('asset/bulk/set', {
      items: [
        { key: 'good', value: 1 },
        { key: '', value: 1 },
        { key: 'k'.repeat(513), value: 1 },
        { key: '..', value: 1 },
        { key: 'ttl', value: 1, ttl: 'soon' },
        { key: 'off', value: 1, ttl: 0 },
        { key: 'negative', value: 1, ttl: -1 },
        { key: 'far', value: 1, ttl: '36501d' },
        { key: 'nothing' },
        { key: 'both', value: 1, bytes: 'AA==' },
        { key: 'base64', bytes: '!' },
        { key: 'type', value: 1, contentType: 'text/plain' },
        { key: 'tag', value: 1, tags: [''] },
        { key: 'tags', value: 1, tags: Array.from({ length: 65 }, (_, n) => `t${n}`) },
      ],
    });
    expect(answer).toMatchObject({ successful: 1, failed: 13 });
    const codes = Object.fromEntries(answer.errors.map(({ key, code }) => [key.slice(0, 10), code]));
    expect(codes).toEqual({
      '': 'KEY_INVALID',
      kkkkkkkkkk: 'KEY_INVALID',
      '..': 'KEY_INVALID',
      ttl: 'REQUEST_INVALID',
      off: 'REQUEST_INVALID',
      negative: 'REQUEST_INVALID',
      far: 'REQUEST_INVALID',
      nothing: 'REQUEST_INVALID',
      both: 'REQUEST_INVALID',
      base64: 'REQUEST_INVALID',
      type: 'REQUEST_INVALID',
      tag: 'TAG_INVALID',
      tags: 'TAG_INVALID',
    });
    const items = await read('asset', 'good', '', 'ttl', '..');
    expect(items.map(({ found, error }) => [found, error?.code])).toEqual([
      [true, undefined],
      [false, 'KEY_INVALID'],
      [false, undefined],
      [false, 'KEY_INVALID'],
    ]);
    expect(await bulk('asset/bulk/delete', { keys: ['good', '.'] })).toMatchObject({
      successful: 1,
      failed: 1,
      errors: [{ key: '.', code: 'KEY_INVALID' }],
    });
  });

  it('lets the last of equal keys win', async () => {
    const items = Array.from({ length: 500 }, (_, n) => ({ key: `same-${n % 2}`, value: n }));
    expect(await bulk('prompts/bulk/set', { items, batchSize: 20 })).toMatchObject({ successful: 500, failed: 0 });
    expect((await read('prompts', 'same-0', 'same-1')).map(({ value }) => value)).toEqual([498, 499]);
  });

  it('writes what changed and removes what is gone', async () => {
    await bulk('user/bulk/set', { items: [1, 2, 3].map((n) => ({ key: `u${n}`, value: n })) });
    const answer = await bulk('user/sync', {
      updates: [
        { key: 'u1', value: 'new' },
        { key: 'u4', value: 4 },
        { key: '', value: 1 },
      ],
      deletions: ['u1', 'u2', 'u9', '..'],
    });
    expect(answer).toMatchObject({ updated: 2, deleted: 2, successful: 4, failed: 2 });
    expect((await read('user', 'u1', 'u2', 'u3', 'u4')).map(({ value }) => value)).toEqual(['new', undefined, 3, 4]);
  });

  it('invalidates by tags, by prefix, and everything', async () => {
    const entries = [
      { key: 'a:1', value: 1, tags: ['x'] },
      { key: 'a:2', value: 2, tags: ['x', 'y'] },
      { key: 'b:1', value: 3, tags: ['y'] },
      { key: 'b:2', value: 4 },
    ];
    await bulk('project/bulk/set', { items: entries });
    const there = async () => (await read('project', 'a:1', 'a:2', 'b:1', 'b:2')).map(({ found }) => found);
    expect(await bulk('project/invalidate', { tags: ['x'] })).toEqual({ invalidated: null });
    expect(await there()).toEqual([false, false, true, true]);

    await bulk('project/bulk/set', { items: entries });
    expect(await bulk('project/invalidate', { prefix: 'b:' })).toEqual({ invalidated: 2 });
    expect(await there()).toEqual([true, true, false, false]);

    await bulk('project/bulk/set', { items: entries });
    expect(await bulk('project/invalidate', { all: true, mode: 'expire' })).toEqual({ invalidated: 4 });
    expect(await there()).toEqual([false, false, false, false]);
    expect(await bulk('project/invalidate', { all: true })).toMatchObject({ invalidated: expect.any(Number) });
  });

  it.each([
    ['prompts/bulk/get', { keys: 'a' }, '/keys'],
    ['prompts/bulk/get', { keys: [1] }, '/keys/0'],
    ['prompts/bulk/get', {}, '/keys'],
    ['prompts/bulk/get', { keys: [], more: 1 }, '/more'],
    [
      'prompts/bulk/set',
      {
        items: [
          { key: 'a', value: 1 },
          { key: 2, value: 1 },
        ],
      },
      '/items/1/key',
    ],
    ['prompts/bulk/set', { items: [{ key: 'a', value: 1, ttl: true }] }, '/items/0/ttl'],
    ['prompts/bulk/set', { items: [{ key: 'a', value: 1, tags: 'x' }] }, '/items/0/tags'],
    ['prompts/bulk/set', { items: [{ key: 'a', value: 1, tll: '1s' }] }, '/items/0/tll'],
    ['prompts/bulk/set', { items: [{ value: 1 }] }, '/items/0/key'],
    ['prompts/bulk/set', { items: [], batchSize: 1000 }, '/batchSize'],
    ['prompts/bulk/delete', { keys: [null] }, '/keys/0'],
    ['prompts/sync', { updates: [] }, '/deletions'],
    ['prompts/invalidate', {}, 'body'],
    ['prompts/invalidate', { tags: ['a'], all: true }, 'body'],
    ['prompts/invalidate', { all: false }, '/all'],
    ['prompts/invalidate', { tags: [] }, '/tags'],
    ['prompts/invalidate', { prefix: '' }, '/prefix'],
    ['prompts/invalidate', { prefix: 'a', mode: 'soft' }, '/mode'],
  ])('refuses %s %j as a whole', async (path, payload, at) => {
    const answer = await post(path, payload);
    expect(answer.statusCode).toBe(400);
    expect(answer.json<ProblemBody>().errors?.map((issue) => issue.path)).toContain(at);
  });

  it('takes 10 000 items, and no more', async () => {
    const value = { text: 'x'.repeat(210) };
    const items = Array.from({ length: 10_000 }, (_, n) => ({ key: `item:${n}`, value }));
    expect(await bulk('brand/bulk/set', { items })).toMatchObject({ successful: 10_000, failed: 0, batches: 200 });
    const keys = items.map(({ key }) => key);
    const found = await read('brand', ...keys);
    expect(found.map(({ key }) => key)).toEqual(keys);
    expect(found.every((item) => item.found && JSON.stringify(item.value) === JSON.stringify(value))).toBe(true);
    expect(await bulk('brand/bulk/delete', { keys })).toMatchObject({ successful: 10_000, failed: 0 });

    for (const [path, payload] of [
      ['get', { keys: [...keys, 'one more'] }],
      ['set', { items: [...items, { key: 'one more', value: 1 }] }],
    ] as const) {
      expect((await post(`brand/bulk/${path}`, payload)).statusCode).toBe(400);
    }
  });

  it('names the namespaces that there are', async () => {
    const answer = await post('nowhere/bulk/get', { keys: [] });
    expect(answer.statusCode).toBe(404);
    expect(answer.json<ProblemBody>().detail).toMatch(/Known: .*prompts/);
  });
});

describe('what many entries cost', () => {
  it('is at most 40 commands to write 1,000, and 20 to read or remove them', async () => {
    const api = await startApi();
    await eventually(() => expect(api.runtime.parts.cache.caches.isOnFallback).toBe(false));
    const watch = await monitor(api.runtime.engines.cache.kind === 'ioredis' ? urlOf(api) : '');
    const own = () => watch.commands().filter((command) => command.some((word) => word.includes(':cache:prompts:c')));
    const items = Array.from({ length: 1000 }, (_, n) => ({ key: `c${n}`, value: n, ttl: '5m' }));
    const keys = items.map(({ key }) => key);
    const post = (path: string, payload: object) =>
      api.app.inject({ method: 'POST', url: `/v1/cache/prompts/bulk/${path}`, payload });
    await post('set', { items });
    const sets = own().length;
    await post('get', { keys });
    const gets = own().length - sets;
    await post('delete', { keys });
    const deletions = own().length - sets - gets;
    await watch.stop();
    await api.close();
    expect(sets).toBeLessThanOrEqual(40);
    expect(gets).toBeLessThanOrEqual(20);
    expect(deletions).toBeLessThanOrEqual(20);
  });

  function urlOf({ config }: Api): string {
    const { target } = config.redis.cache;
    if (target.kind !== 'standalone') throw new Error('the test needs a Redis');
    return `redis://${target.host}:${target.port}/${target.db ?? 0}`;
  }
});
