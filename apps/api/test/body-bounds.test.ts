import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, type ProblemBody, startApi } from './fixture.ts';

const kiB = 1024;
const MiB = 1024 * kiB;
const queue = '/v1/queues/http-delivery';
const cache = '/v1/cache/prompts';

describe('the bounds of a body', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());

  async function send(method: 'POST' | 'PUT' | 'DELETE', url: string, payload: string | Buffer, of: Api = api) {
    const headers = { 'content-type': 'application/json' };
    const answer = await of.app.inject({ method, url, payload, headers });
    const body = answer.payload === '' ? undefined : answer.json<ProblemBody>();
    return { status: answer.statusCode, code: body?.code, errors: body?.errors, body };
  }
  /** A body of just so many bytes, which is wrong in no other way. */
  const padded = (json: string, bytes: number): string => json + ' '.repeat(bytes - Buffer.byteLength(json));
  const delivery = (bytes: number): string => {
    const [before, behind] = ['{"url":"https://example.com/","body":"', '"}'];
    return before + 'x'.repeat(bytes - before.length - behind.length) + behind;
  };

  it.each([
    ['POST', `${cache}/invalidate`, '{"prefix":"p"}'],
    ['POST', `${queue}/jobs/none/cancel`, '{"reason":"r"}'],
    ['POST', `${queue}/clean`, '{"state":"failed"}'],
    ['POST', `${queue}/pause`, '{}'],
    ['POST', '/v1/entities/user/1/invalidate', ''],
    ['DELETE', `${cache}/key`, '{}'],
  ] as const)('are 64 KiB where a route says nothing else: %s %s', async (method, url, json) => {
    expect((await send(method, url, padded(json, 64 * kiB))).status).not.toBe(413);
    expect(await send(method, url, padded(json, 64 * kiB + 1))).toMatchObject({
      status: 413,
      code: 'BODY_TOO_LARGE',
      body: { detail: 'This route takes a body of at most 65536 bytes.' },
    });
  });

  it('leave room for 1 MiB of data in a job and in a schedule, and no more', async () => {
    const job = `{"data":${delivery(MiB)},"options":{"delay":"1h"}}`;
    const schedule = `{"every":"1h","job":{"data":${delivery(MiB)}}}`;
    expect((await send('POST', `${queue}/jobs`, job)).status).toBe(201);
    expect((await send('PUT', `${queue}/schedules/large`, schedule)).status).toBe(200);
    expect(await send('POST', `${queue}/jobs`, `{"data":${delivery(MiB + 1)}}`)).toMatchObject({
      status: 413,
      code: 'JOB_TOO_LARGE',
    });
    const over = { status: 413, code: 'BODY_TOO_LARGE' };
    expect(await send('POST', `${queue}/jobs`, padded('{"data":{}}', MiB + 64 * kiB + 1))).toMatchObject(over);
    // All but the data has 64 KiB, also where the body is smaller than it may be.
    expect(await send('POST', `${queue}/jobs`, padded('{"data":{}}', 100 * kiB))).toMatchObject(over);
    expect(await send('POST', `${queue}/jobs`, `{"data":{},"x":${delivery(100 * kiB)}}`)).toMatchObject(over);
  });

  it('of a job can be set', async () => {
    const config = { server: { jobLimitBytes: 2000, bodyLimitBytes: 3000 } };
    const own = await startApi({ adjust: (all) => ({ ...all, server: { ...all.server, ...config.server } }) });
    try {
      expect(await send('POST', `${queue}/jobs`, padded('{"data":{}}', 2001), own)).toMatchObject({
        code: 'BODY_TOO_LARGE',
      });
      expect((await send('PUT', `${cache}/k`, padded('1', 3000), own)).status).toBe(201);
      expect(await send('PUT', `${cache}/k`, padded('1', 3001), own)).toMatchObject({ code: 'BODY_TOO_LARGE' });
      const bulk = await send('POST', `${queue}/jobs/bulk`, `{"jobs":[{"data":${delivery(2000)}}]}`, own);
      expect(bulk.body).toMatchObject({ rejected: 1, items: [{ error: { code: 'JOB_TOO_LARGE' } }] });
    } finally {
      await own.close();
    }
  });

  it('hold for the objects and lists of a value that is parsed, in proportion to its bytes', async () => {
    const many = (json: string, count: number): string => `[${Array.from({ length: count }, () => json).join(',')}]`;
    const job = (data: string): string =>
      `{"data":{"url":"https://example.com/","body":${data}},"options":{"delay":"1h"}}`;
    for (const data of [many('[]', 20_000), many('{}', 20_000), many('[[]]', 10_000)]) {
      expect((await send('POST', `${queue}/jobs`, job(data))).status).toBe(201);
    }
    for (const data of [many('{"x":1,"y":2}', 70_000), many('1', 400_000), many('"ab"', 200_000)]) {
      expect((await send('POST', `${queue}/jobs`, job(data))).status).toBe(201);
    }
    for (const data of [many('[]', 100_000), many('{}', 100_000), many('[1]', 100_000)]) {
      const issue = { path: '/data', message: expect.stringContaining('objects and lists') };
      expect(await send('POST', `${queue}/jobs`, job(data))).toMatchObject({
        status: 413,
        code: 'JSON_TOO_MANY_MEMBERS',
        errors: [issue],
      });
      const bulk = await send('POST', `${queue}/jobs/bulk`, `{"jobs":[${job(data)},${job('1')}]}`);
      expect(bulk.body).toMatchObject({
        accepted: 1,
        items: [{ error: { code: 'JSON_TOO_MANY_MEMBERS', errors: [issue] } }, { status: 'accepted' }],
      });
      // What is stored as it came has none.
      const set = await send('POST', `${cache}/bulk/set`, `{"items":[{"key":"dense","value":${data}}]}`);
      expect(set.body).toMatchObject({ successful: 1 });
      expect((await api.app.inject(`${cache}/dense`)).payload).toBe(data);
    }
  });

  it('hold for a list, by its count before anything else', async () => {
    const keys = (count: number, key = '"k"'): string =>
      `{"keys":[${Array.from({ length: count }, () => key).join(',')}]}`;
    expect(await send('POST', `${cache}/bulk/get`, keys(10_001, '1'))).toMatchObject({
      status: 400,
      errors: [{ path: '/keys', message: 'must not have more than 10000 items' }],
    });
    expect(await send('POST', `${cache}/bulk/get`, keys(100_000))).toMatchObject({
      status: 413,
      code: 'JSON_TOO_MANY_MEMBERS',
    });
    const wrong = await send('POST', `${cache}/bulk/get`, keys(9_000, '1'));
    expect(wrong.errors?.map(({ path }) => path)).toEqual(Array.from({ length: 8 }, (_, at) => `/keys/${at}`));
    expect(await send('POST', `${cache}/bulk/get`, '{"keys":["a",{}]}')).toMatchObject({
      status: 400,
      errors: [{ path: '/keys/1', message: 'must be string' }],
    });
  });

  it('tell the first eight things that are wrong, with the item that they are in', async () => {
    const items = Array.from({ length: 20 }, (_, n) => (n === 1 ? { key: 'k', value: 1 } : { key: n, x: 1 }));
    const { status, errors } = await send('POST', `${cache}/bulk/set`, JSON.stringify({ items }));
    expect(status).toBe(400);
    expect(errors?.map(({ path }) => path)).toEqual([
      '/items/0/x',
      '/items/0/key',
      '/items/2/x',
      '/items/2/key',
      '/items/3/x',
      '/items/3/key',
      '/items/4/x',
      '/items/4/key',
    ]);
    const unknown = Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`k${n}`, 1]));
    expect((await send('POST', `${queue}/clean`, JSON.stringify({ state: 'failed', ...unknown }))).errors).toHaveLength(
      8,
    );
  });

  it('of large data look for what is wrong in its small fields', async () => {
    const large = 'x'.repeat(100 * kiB);
    expect(
      await send('POST', `${queue}/jobs`, JSON.stringify({ data: { url: 'nowhere', body: large } })),
    ).toMatchObject({
      status: 422,
      errors: [{ path: '/data/url' }],
    });
    expect(await send('POST', `${queue}/jobs`, JSON.stringify({ data: { url: large, body: 1 } }))).toMatchObject({
      status: 422,
      errors: [{ path: '/data/url' }],
    });
    expect(await send('POST', `${queue}/jobs`, JSON.stringify({ data: large }))).toMatchObject({
      status: 422,
      errors: [{ path: '/data', message: expect.stringContaining('too large') }],
    });
  });
});

describe('a value among many', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());
  const set = async (items: string) =>
    api.app.inject({
      method: 'POST',
      url: `${cache}/bulk/set`,
      payload: `{ "items" : ${items} }`,
      headers: { 'content-type': 'application/json' },
    });
  const read = async (key: string): Promise<string> => (await api.app.inject(`${cache}/${key}`)).payload;

  it('is stored as the bytes that came', async () => {
    const value = '{ "id": 738529527931269425, "__proto__" : 1, "n": 1e400, "t": "\\u00e9" }';
    expect((await set(`[ { "value" : ${value} , "key":"exact" } ]`)).json()).toMatchObject({ successful: 1 });
    expect(await read('exact')).toBe(value);
  });

  it('is known by its name however that is written, and the last of equal names counts', async () => {
    expect((await set('[{"k\\u0065y":"twice","value":1,"v\\u0061lue":2}]')).json()).toMatchObject({ successful: 1 });
    expect(await read('twice')).toBe('2');
  });

  it('is refused as a whole with names that would make an item another one', async () => {
    for (const item of [
      '{"key":"k","value":1,"__proto__":{"ttl":1}}',
      '{"key":"k","value":1,"constructor":{"prototype":1}}',
    ]) {
      expect((await set(`[${item}]`)).statusCode).toBe(400);
    }
  });

  it('may be any bytes in base64, however many', async () => {
    const bytes = Buffer.alloc(5 * MiB, 'bytes');
    for (const text of [bytes.toString('base64'), bytes.toString('base64').replace(/=+$/, '')]) {
      expect((await set(`[{"key":"bytes","bytes":"${text}"}]`)).json()).toMatchObject({ successful: 1 });
      expect((await api.app.inject(`${cache}/bytes`)).rawPayload.equals(bytes)).toBe(true);
    }
    for (const text of ['QUJ', 'QUJD', 'QUI=', 'QQ==', 'QQ', '']) {
      expect((await set(`[{"key":"b","bytes":"${text}"}]`)).json(), text).toMatchObject({ successful: 1 });
    }
    for (const text of ['Q', 'QQ=', 'Q===', 'QU=J', '=', 'QUJD=', 'Q U', 'QU-_', 'x'.repeat(5 * MiB + 1)]) {
      expect((await set(`[{"key":"b","bytes":"${text}"}]`)).json(), text.slice(0, 9)).toMatchObject({ failed: 1 });
    }
    expect((await set('[{"key":"b","bytes":{}}]')).statusCode).toBe(400);
  });
});
