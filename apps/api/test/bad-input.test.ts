import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { badForRedis, badRequests, cacheUrl } from './bad-requests.ts';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

describe.each(['redis', 'memory'] as const)('bad input, in %s', (engine) => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi({ engine, env: { NOVITA_API_BASE_URL: 'http://127.0.0.1:9' } });
    await api.app.inject({ method: 'PUT', url: cacheUrl, payload: 'kept' });
  });
  afterAll(() => api.close());

  it.each(engine === 'redis' ? [...badRequests, ...badForRedis] : badRequests)(
    '$0 is $2 $3',
    async (_what, request, status, code, path) => {
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

  it('names durations as they are given, in the text as in the paths', async () => {
    const options = { waitingTtl: '36500d', deduplication: { id: 'a', ttl: '36500d' } };
    const backoff = { type: 'fixed', delay: '36500d' };
    const job = { data: { url: 'https://example.com/' }, options: { ...options, backoff } };
    const url = '/v1/queues/http-delivery';
    const answers = [
      await api.app.inject({ method: 'POST', url: `${url}/jobs`, payload: job }),
      await api.app.inject({ method: 'POST', url: `${url}/jobs/bulk`, payload: { jobs: [job] } }),
      await api.app.inject({ method: 'PUT', url: `${url}/schedules/s`, payload: { every: '36500d', job } }),
    ];
    for (const { payload } of answers) {
      expect(payload).toContain('JOB_OPTIONS_INVALID');
      expect(payload).not.toMatch(/[a-z]Ms\b/);
    }
    const problem = answers[0]?.json<ProblemBody>();
    expect(problem?.errors?.map(({ path }) => path)).toEqual([
      '/options/waitingTtl',
      '/options/deduplication/ttl',
      '/options/backoff',
    ]);
    expect(problem?.detail).toMatch(/^\/options\/waitingTtl: /);
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
