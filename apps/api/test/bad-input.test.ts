import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

const json = { 'content-type': 'application/json' };

interface BadRequest {
  readonly what: string;
  readonly request: InjectOptions;
  readonly status: number;
  readonly code: string;
  readonly path?: string;
  /** Where only this engine can tell. */
  readonly engine?: 'redis';
}

const cacheUrl = '/v1/cache/prompts/key';
const jobsUrl = '/v1/queues/http-delivery/jobs';
const put = (url: string, rest: InjectOptions = {}): InjectOptions => ({ method: 'PUT', url, payload: 'x', ...rest });
const post = (body: unknown, url = jobsUrl): InjectOptions => ({
  method: 'POST',
  url,
  payload: typeof body === 'string' ? body : JSON.stringify(body),
  headers: json,
});
const delivery = { url: 'https://example.com/' };

const cases: readonly BadRequest[] = [
  // Paths
  { what: 'an unknown path', request: { url: '/v2' }, status: 404, code: 'ROUTE_NOT_FOUND' },
  { what: 'an unknown path with a body', request: put('/v2'), status: 404, code: 'ROUTE_NOT_FOUND' },
  { what: 'a wrong method', request: { method: 'POST', url: cacheUrl }, status: 405, code: 'METHOD_NOT_ALLOWED' },
  { what: 'a broken percent-encoding', request: put('/v1/cache/prompts/%ff'), status: 400, code: 'URL_INVALID' },
  { what: 'half a percent-encoding', request: put('/v1/cache/prompts/%2'), status: 400, code: 'URL_INVALID' },
  {
    what: 'a key of 513 bytes',
    request: put(`/v1/cache/prompts/${'k'.repeat(513)}`),
    status: 400,
    code: 'KEY_INVALID',
    path: 'params.key',
  },
  {
    what: 'a key of 257 two-byte letters',
    request: put(`/v1/cache/prompts/${'%C3%A4'.repeat(257)}`),
    status: 400,
    code: 'KEY_INVALID',
    path: 'params.key',
  },
  { what: 'a key of 10 kB', request: put(`/v1/cache/prompts/${'k'.repeat(10_000)}`), status: 400, code: 'KEY_INVALID' },
  {
    what: 'a namespace with other characters',
    request: put('/v1/cache/a%20b/key'),
    status: 400,
    code: 'KEY_INVALID',
    path: 'params.ns',
  },
  {
    what: 'a namespace of 65 characters',
    request: put(`/v1/cache/${'n'.repeat(65)}/key`),
    status: 400,
    code: 'KEY_INVALID',
    path: 'params.ns',
  },
  {
    what: 'a namespace that is not declared',
    request: put('/v1/cache/unheard-of/key'),
    status: 404,
    code: 'NAMESPACE_UNKNOWN',
  },
  {
    what: 'a namespace called __proto__',
    request: { url: '/v1/namespaces/__proto__' },
    status: 404,
    code: 'NAMESPACE_UNKNOWN',
  },
  { what: 'an unknown queue', request: { url: '/v1/queues/nope' }, status: 404, code: 'QUEUE_UNKNOWN' },
  {
    what: 'a job of an unknown queue',
    request: post({ data: {} }, '/v1/queues/nope/jobs'),
    status: 404,
    code: 'QUEUE_UNKNOWN',
  },
  { what: 'an unknown job', request: { url: `${jobsUrl}/none` }, status: 404, code: 'JOB_NOT_FOUND' },
  { what: 'an unknown source', request: { url: '/v1/sources/nope' }, status: 404, code: 'SOURCE_UNKNOWN' },
  {
    what: 'a sync of an unknown source',
    request: { method: 'POST', url: '/v1/sources/nope/sync' },
    status: 404,
    code: 'SOURCE_UNKNOWN',
  },
  {
    what: 'an unknown item',
    request: { url: '/v1/sources/instances/items/none' },
    status: 404,
    code: 'ITEM_NOT_FOUND',
  },
  // Query strings
  {
    what: 'a TTL that is no duration',
    request: put(`${cacheUrl}?ttl=soon`),
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'query.ttl',
  },
  {
    what: 'a negative TTL',
    request: put(`${cacheUrl}?ttl=-5s`),
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'query.ttl',
  },
  { what: 'a TTL of 0', request: put(`${cacheUrl}?ttl=0`), status: 400, code: 'REQUEST_INVALID', path: 'query.ttl' },
  {
    what: 'a TTL of a hundred years',
    request: put(`${cacheUrl}?ttl=36500d`),
    status: 400,
    code: 'TTL_INVALID',
    path: 'query.ttl',
  },
  {
    what: 'a TTL given twice',
    request: put(`${cacheUrl}?ttl=5m&ttl=6m`),
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'query.ttl',
  },
  { what: 'an empty tag', request: put(`${cacheUrl}?tags=a,,b`), status: 400, code: 'TAG_INVALID', path: 'query.tags' },
  {
    what: 'an unknown query parameter',
    request: put(`${cacheUrl}?tll=5m`),
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'query.tll',
  },
  {
    what: 'a query parameter where there are none',
    request: { url: '/v1/queues?x=1' },
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'query.x',
  },
  {
    what: 'a limit that is no number',
    request: { url: '/v1/namespaces/prompts/keys?limit=many' },
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'query.limit',
  },
  {
    what: 'a limit of 0',
    request: { url: '/v1/namespaces/prompts/keys?limit=0' },
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'query.limit',
  },
  {
    what: 'a made-up cursor',
    request: { url: '/v1/namespaces/prompts/keys?cursor=abc' },
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'query.cursor',
  },
  {
    what: 'a cursor that Redis cannot take',
    engine: 'redis',
    request: { url: '/v1/namespaces/prompts/keys?cursor=99999999999999999999' },
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'query.cursor',
  },
  {
    what: 'a made-up cursor of a source',
    request: { url: '/v1/sources/instances/items?cursor=%24%24' },
    status: 400,
    code: 'SOURCE_CURSOR_INVALID',
  },
  {
    what: 'a wait that is too long',
    request: { url: `${jobsUrl}/none?wait=31s` },
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'query.wait',
  },
  {
    what: 'a wait that is no duration',
    request: { url: `${jobsUrl}/none?wait=a` },
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'query.wait',
  },
  // Bodies
  { what: 'broken JSON', request: post('{"data":'), status: 400, code: 'BODY_INVALID_JSON' },
  {
    what: 'JSON that is not UTF-8',
    request: { method: 'POST', url: jobsUrl, payload: Buffer.from([0x22, 0xff, 0x22]), headers: json },
    status: 400,
    code: 'BODY_INVALID_JSON',
  },
  {
    what: 'JSON with __proto__',
    request: post('{"__proto__":{"x":1},"data":{}}'),
    status: 400,
    code: 'BODY_INVALID_JSON',
  },
  {
    what: 'broken JSON as an entry',
    request: put(cacheUrl, { payload: '{', headers: json }),
    status: 400,
    code: 'BODY_INVALID_JSON',
  },
  { what: 'no body', request: { method: 'POST', url: jobsUrl }, status: 400, code: 'REQUEST_INVALID', path: 'body' },
  { what: 'a body that is no object', request: post([]), status: 400, code: 'REQUEST_INVALID', path: 'body' },
  { what: 'a body without data', request: post({}), status: 400, code: 'REQUEST_INVALID', path: '/data' },
  {
    what: 'an unknown field',
    request: post({ data: delivery, priority: 1 }),
    status: 400,
    code: 'REQUEST_INVALID',
    path: '/priority',
  },
  {
    what: 'an unknown option',
    request: post({ data: delivery, options: { retries: 3 } }),
    status: 400,
    code: 'REQUEST_INVALID',
    path: '/options/retries',
  },
  {
    what: 'attempts as text',
    request: post({ data: delivery, options: { attempts: '5' } }),
    status: 400,
    code: 'REQUEST_INVALID',
    path: '/options/attempts',
  },
  {
    what: 'a delay that is no duration',
    request: post({ data: delivery, options: { delay: 'soon' } }),
    status: 400,
    code: 'REQUEST_INVALID',
    path: '/options/delay',
  },
  {
    what: 'a job id with a colon',
    request: post({ data: delivery, options: { jobId: 'a:b' } }),
    status: 400,
    code: 'JOB_OPTIONS_INVALID',
    path: '/options/jobId',
  },
  {
    what: 'data without what the queue needs',
    request: post({ data: {} }),
    status: 422,
    code: 'JOB_INVALID',
    path: '/data/url',
  },
  {
    what: 'data with an unknown field',
    request: post({ data: { ...delivery, colour: 1 } }),
    status: 422,
    code: 'JOB_INVALID',
    path: '/data/colour',
  },
  {
    what: 'a body where none is taken',
    request: post({ now: true }, '/v1/sources/instances/sync'),
    status: 400,
    code: 'REQUEST_INVALID',
  },
  // Headers
  {
    what: 'a job as a form',
    request: {
      method: 'POST',
      url: jobsUrl,
      payload: 'data=1',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    what: 'a content type that is none',
    request: put(cacheUrl, { headers: { 'content-type': 'nonsense' } }),
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    what: 'a compressed entry',
    request: put(cacheUrl, { headers: { 'content-encoding': 'gzip' } }),
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    what: 'another condition than *',
    request: put(cacheUrl, { headers: { 'if-none-match': '"x"' } }),
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'headers.if-none-match',
  },
  {
    what: 'If-Match on a write',
    request: put(cacheUrl, { headers: { 'if-match': '*' } }),
    status: 400,
    code: 'REQUEST_INVALID',
    path: 'headers.if-match',
  },
];

describe.each(['redis', 'memory'] as const)('bad input, in %s', (engine) => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi({ engine, env: { NOVITA_API_BASE_URL: 'http://127.0.0.1:9' } });
    await api.app.inject({ method: 'PUT', url: cacheUrl, payload: 'kept' });
  });
  afterAll(() => api.close());

  it.each(cases.filter((bad) => bad.engine === undefined || bad.engine === engine))(
    '$what is $status $code',
    async ({ request, status, code, path }) => {
      const answer = await api.app.inject(request);
      const problem = answer.json<ProblemBody>();
      expect({ status: answer.statusCode, code: problem.code }, answer.payload).toEqual({ status, code });
      expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
      expect(answer.headers['x-request-id']).toBe(problem.instance.replace('urn:holdfast:request:', ''));
      expect(problem).toMatchObject({ status, type: `urn:holdfast:error:${code}` });
      expect(problem.title).not.toBe('');
      if (path !== undefined) expect(problem.errors?.map((error) => error.path)).toContain(path);
    },
  );

  it('leaves what was in the cache as it was', async () => {
    expect((await api.app.inject(cacheUrl)).payload).toBe('kept');
  });

  it('tells once, and in words, that a name is not known', async () => {
    const answer = await api.app.inject('/v1/queues?x=1');
    expect(answer.json<ProblemBody>().errors).toEqual([{ path: 'query.x', message: 'is not known here' }]);
  });

  it('says what is allowed where there are several forms, in one issue', async () => {
    const listed = await api.app.inject('/v1/queues/source-sync/jobs?state=nope');
    expect(listed.json()).toMatchObject({ code: 'REQUEST_INVALID', errors: [{ path: 'query.state' }] });
    expect(listed.json<{ errors: { message: string }[] }>().errors[0]?.message).toMatch(
      /^must be "active", or must be .*"failed"/,
    );
    const added = await api.app.inject({
      method: 'POST',
      url: '/v1/queues/source-sync/jobs',
      payload: { data: {}, options: { delay: -1, deduplication: { id: 'a', mode: 'odd' } } },
    });
    expect(added.json<{ errors: object[] }>().errors).toEqual([
      { path: '/options/delay', message: 'must be >= 0, or must be string' },
      {
        path: '/options/deduplication/mode',
        message: expect.stringMatching(/^must be "simple", or must be "throttle"/),
      },
    ]);
  });

  it('names the methods that a path takes', async () => {
    const answer = await api.app.inject({ method: 'POST', url: cacheUrl });
    expect(answer.headers['allow']).toBe('DELETE, GET, HEAD, PUT');
  });

  it('takes an empty body for none, whatever its content type', async () => {
    for (const type of ['application/json', 'text/plain']) {
      const headers = { 'content-type': type };
      const answer = await api.app.inject({ method: 'DELETE', url: cacheUrl, headers });
      expect(answer.statusCode, answer.payload).toBe(204);
    }
  });

  it('takes over a request id that is harmless, and no other', async () => {
    const idOf = async (given: string): Promise<unknown> =>
      (await api.app.inject({ url: '/health/live', headers: { 'x-request-id': given } })).headers['x-request-id'];
    expect(await idOf('trace-1.A_b')).toBe('trace-1.A_b');
    for (const bad of ['a b', 'x'.repeat(129), '"quoted"', 'a\tb', '']) expect(await idOf(bad)).not.toBe(bad);
  });
});
