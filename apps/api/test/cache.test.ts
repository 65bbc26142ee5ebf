import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

describe.each(['redis', 'memory'] as const)('the cache over REST, in %s', (engine) => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi({ engine });
  });
  afterAll(() => api.close());

  const call = (method: InjectOptions['method'], url: string, options: InjectOptions = {}) =>
    api.app.inject({ method: method ?? 'GET', url, ...options });

  it.each([
    'text/plain;\tcharset=utf-8',
    'text/plain \t; \t charset="utf-8"',
    'text/plain;',
    'multipart/form-data; boundary=a:b',
    'a/b; title="\tf\u00fcr;\\"x\\""',
  ])('takes and gives back the content type %j, alone and among many, with spaces for tabs', async (type) => {
    const headers = { 'content-type': type };
    expect((await call('PUT', '/v1/cache/prompts/typed', { payload: 'x', headers })).statusCode).toBeLessThan(300);
    expect((await call('GET', '/v1/cache/prompts/typed')).headers['content-type']).toBe(type.replaceAll(/\t+/g, ' '));
    const items = [{ key: 'typed-too', bytes: 'eA==', contentType: type }];
    expect((await call('POST', '/v1/cache/prompts/bulk/set', { payload: { items } })).json()).toMatchObject({
      failed: 0,
    });
    expect((await call('GET', '/v1/cache/prompts/typed-too')).headers['content-type']).toBe(
      type.replaceAll(/\t+/g, ' '),
    );
  });

  it.each(['application/json\t;\tcharset=utf-8', 'application/problem+json \t', 'APPLICATION/JSON;'])(
    'knows JSON by %j, for bodies and for entries',
    async (type) => {
      const headers = { 'content-type': type };
      const bulk = await call('POST', '/v1/cache/prompts/bulk/get', { payload: '{"keys":[]}', headers });
      expect(bulk.statusCode).toBe(type.includes('problem') ? 415 : 200);
      expect((await call('PUT', '/v1/cache/prompts/json', { payload: '{', headers })).json()).toMatchObject({
        code: 'BODY_INVALID_JSON',
      });
    },
  );

  it.each(['3651d', '36500d', String(36_500 * 86_400_000)])(
    'keeps entries for %s, alone and among many',
    async (ttl) => {
      const days = ttl === '3651d' ? 3651 : 36_500;
      const kept = async (key: string): Promise<number> => {
        const status = String((await call('GET', `/v1/cache/prompts/${key}`)).headers['cache-status']);
        return Math.round(Number(/ttl=(\d+)/.exec(status)?.[1]) / 86_400);
      };
      expect((await call('PUT', `/v1/cache/prompts/long?ttl=${ttl}`, { payload: 'x' })).statusCode).toBeLessThan(300);
      const item = (key: string) => ({ key, value: 1, ttl });
      const bulk = await call('POST', '/v1/cache/prompts/bulk/set', { payload: { items: [item('long-bulk')] } });
      expect(bulk.json()).toMatchObject({ successful: 1, failed: 0 });
      const sync = await call('POST', '/v1/cache/prompts/sync', {
        payload: { updates: [item('long-sync')], deletions: [] },
      });
      expect(sync.json()).toMatchObject({ successful: 1, failed: 0 });
      expect([await kept('long'), await kept('long-bulk'), await kept('long-sync')]).toEqual([days, days, days]);
    },
  );

  it('refuses a TTL of more than 36500 days, among many alone', async () => {
    for (const ttl of ['36501d', 36_500 * 86_400_000 + 1]) {
      const items = [
        { key: 'too-long', value: 1, ttl },
        { key: 'long-enough', value: 1, ttl: '36500d' },
      ];
      expect((await call('POST', '/v1/cache/prompts/bulk/set', { payload: { items } })).json()).toMatchObject({
        successful: 1,
        failed: 1,
        errors: [{ key: 'too-long', code: 'REQUEST_INVALID', detail: expect.stringContaining('36500d') }],
      });
      const single = await call('PUT', `/v1/cache/prompts/too-long?ttl=${ttl}`, { payload: 'x' });
      expect(single.statusCode).toBe(400);
      expect(single.json<ProblemBody>().errors?.map(({ path }) => path)).toEqual(['query.ttl']);
    }
    expect((await call('GET', '/v1/cache/prompts/too-long')).statusCode).toBe(404);
  });

  it('creates, replaces, reads and deletes the bytes as they came', async () => {
    const url = '/v1/cache/prompts/greeting';
    const bytes = Buffer.from([0, 255, 10, 13, 128]);
    const headers = { 'content-type': 'application/x-thing; v=2' };

    expect((await call('PUT', url, { payload: 'first', headers: { 'content-type': 'text/plain' } })).statusCode).toBe(
      201,
    );
    expect((await call('PUT', url, { payload: bytes, headers })).statusCode).toBe(204);

    const read = await call('GET', url);
    expect(read.statusCode).toBe(200);
    expect(read.rawPayload.equals(bytes)).toBe(true);
    expect(read.headers['content-type']).toBe('application/x-thing; v=2');
    expect(read.headers['cache-status']).toMatch(/^holdfast; hit; ttl=\d+; detail=l2$/);
    expect(read.headers['age']).toMatch(/^\d+$/);

    const head = await call('HEAD', url);
    expect(head.statusCode).toBe(200);
    expect(head.rawPayload).toHaveLength(0);
    expect(head.headers['content-length']).toBe(String(bytes.length));
    expect(head.headers['etag']).toBe(read.headers['etag']);

    expect((await call('DELETE', url)).statusCode).toBe(204);
    expect((await call('DELETE', url)).statusCode).toBe(204);
    const gone = await call('GET', url);
    expect(gone.statusCode).toBe(404);
    expect(gone.headers['cache-status']).toBe('holdfast; fwd=miss');
    expect(gone.json<ProblemBody>().code).toBe('ENTRY_NOT_FOUND');
  });

  it('answers 304 to a caller that has it already', async () => {
    const url = '/v1/cache/prompts/etag';
    await call('PUT', url, { payload: 'x' });
    const { etag } = (await call('GET', url)).headers;
    expect(etag).toMatch(/^"[^"]+"$/);
    for (const condition of [String(etag), `W/${String(etag)}`, `"other", ${String(etag)}`, '*']) {
      const answer = await call('GET', url, { headers: { 'if-none-match': condition } });
      expect(answer.statusCode, condition).toBe(304);
      expect(answer.payload).toBe('');
    }
    expect((await call('GET', url, { headers: { 'if-none-match': '"other"' } })).statusCode).toBe(200);
  });

  it('creates only, with If-None-Match: *', async () => {
    const url = '/v1/cache/prompts/once';
    const headers = { 'if-none-match': '*' };
    expect((await call('PUT', url, { payload: 'a', headers })).statusCode).toBe(201);
    const second = await call('PUT', url, { payload: 'b', headers });
    expect(second.statusCode).toBe(412);
    expect(second.json<ProblemBody>().code).toBe('PRECONDITION_FAILED');
    expect((await call('GET', url)).payload).toBe('a');
  });

  it('creates with If-None-Match: * wherever a GET finds nothing', async () => {
    const url = '/v1/cache/prompts/tagged';
    const headers = { 'if-none-match': '*' };
    await call('PUT', `${url}?tags=gone-soon`, { payload: 'old' });
    await call('POST', '/v1/cache/prompts/invalidate', { payload: { tags: ['gone-soon'] } });
    expect((await call('GET', url)).statusCode).toBe(404);
    expect((await call('PUT', url, { payload: 'new', headers })).statusCode).toBe(201);
    expect((await call('GET', url)).payload).toBe('new');
  });

  it('keeps the TTL that the writer asked for', async () => {
    await call('PUT', '/v1/cache/prompts/short?ttl=90s', { payload: 'x' });
    await call('PUT', '/v1/cache/prompts/ever?ttl=none', { payload: 'x' });
    expect((await call('GET', '/v1/cache/prompts/short')).headers['cache-status']).toMatch(/; hit; ttl=(?:90|89); /);
    expect((await call('GET', '/v1/cache/prompts/ever')).headers['cache-status']).toBe('holdfast; hit; detail=l2');
  });

  it('takes an entry without a content type or a body', async () => {
    await call('PUT', '/v1/cache/prompts/empty');
    const read = await call('GET', '/v1/cache/prompts/empty');
    expect(read.statusCode).toBe(200);
    expect(read.payload).toBe('');
    expect(read.headers['content-type']).toBe('application/octet-stream');
  });

  it('keeps stored content from acting as a page of this origin', async () => {
    await call('PUT', '/v1/cache/prompts/page', {
      payload: '<script>alert(1)</script>',
      headers: { 'content-type': 'text/html' },
    });
    const { headers } = await call('GET', '/v1/cache/prompts/page');
    expect(headers['content-type']).toBe('text/html');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toBe('sandbox');
  });

  it.each(['a/b', 'ä ö', '%2F', '100%', 'a?b#c', 'a:b:c', '*', '{tag}', '...', '日本語', '\u{1f600}'])(
    'keeps the key %j apart and whole',
    async (key) => {
      const url = `/v1/cache/prompts/${encodeURIComponent(key)}`;
      expect((await call('PUT', url, { payload: key })).statusCode).toBe(201);
      expect((await call('GET', url)).payload).toBe(key);
      const { keys } = await allKeys();
      expect(keys).toContain(key);
    },
  );

  it('lists keys page by page, by prefix', async () => {
    for (let n = 0; n < 30; n += 1) await call('PUT', `/v1/cache/user/user:${n}`, { payload: '{}' });
    await call('PUT', '/v1/cache/user/other', { payload: '{}' });
    const seen = new Set<string>();
    let cursor: string | null = '';
    while (cursor !== null) {
      const at: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const answer = await call('GET', `/v1/namespaces/user/keys?limit=7&prefix=user:${at}`);
      expect(answer.statusCode).toBe(200);
      const page = answer.json<{ keys: string[]; cursor: string | null }>();
      for (const key of page.keys) seen.add(key);
      ({ cursor } = page);
    }
    expect(seen.size).toBe(30);
    expect(seen).not.toContain('other');
  });

  it('counts hits and misses of a namespace', async () => {
    await call('PUT', '/v1/cache/brand/1', { payload: 'x' });
    await call('GET', '/v1/cache/brand/1');
    await call('GET', '/v1/cache/brand/2');
    const one = (await call('GET', '/v1/namespaces/brand')).json<Record<string, unknown>>();
    expect(one).toMatchObject({ namespace: 'brand', ttlMs: 3_600_000, hits: 1, misses: 1, hitRatio: 0.5 });
    const all = (await call('GET', '/v1/namespaces')).json<{ namespaces: { namespace: string }[] }>();
    expect(all.namespaces.map(({ namespace }) => namespace)).toContain('brand');
  });

  it('tells at once how many entries a namespace has, and since when that is so', async () => {
    await call('PUT', '/v1/cache/asset/1', { payload: 'x' });
    await call('PUT', '/v1/cache/asset/2', { payload: 'x' });
    for (const url of ['/v1/namespaces/asset', '/v1/namespaces']) {
      const reply = (await call('GET', url)).json<
        Record<string, unknown> & { namespaces?: Record<string, unknown>[] }
      >();
      const stats = reply.namespaces?.find(({ namespace }) => namespace === 'asset') ?? reply;
      expect(stats).toMatchObject({ size: expect.any(Number), sizeIsEstimate: expect.any(Boolean) });
      expect(String(stats['countedAt'])).toMatch(/^\d{4}-\d\d-\d\dT.+Z$/);
    }
  });

  async function allKeys(): Promise<{ keys: string[] }> {
    const keys: string[] = [];
    let cursor: string | null = null;
    do {
      const at: string = cursor === null ? '' : `&cursor=${cursor}`;
      const answer = await call('GET', `/v1/namespaces/prompts/keys?limit=1000${at}`);
      const page = answer.json<{ keys: string[]; cursor: string | null }>();
      keys.push(...page.keys);
      cursor = page.cursor;
    } while (cursor !== null);
    return { keys };
  }
});
