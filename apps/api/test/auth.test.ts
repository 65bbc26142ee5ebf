import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey, startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

const reader = makeKey('reader', 'cache:read+sources:read@prompts');
const writer = makeKey('writer', 'cache:write');
const jobs = makeKey('jobs', 'jobs:read');
const admin = makeKey('admin', 'admin');

describe('API keys', () => {
  let api: Api;
  beforeAll(async () => {
    const entries = [reader, writer, jobs, admin].map(({ entry }) => entry);
    api = await startApi({ engine: 'memory', env: { HOLDFAST_API_KEYS: entries.join(',') } });
  });
  afterAll(() => api.close());

  const call = (url: string, authorization?: string, method: 'GET' | 'PUT' | 'POST' = 'GET') =>
    api.app.inject({ method, url, ...(authorization === undefined ? {} : { headers: { authorization } }) });

  it.each([
    ['none', undefined],
    ['another scheme', `Basic ${reader.token}`],
    ['no token', 'Bearer'],
    ['an unknown key', `Bearer ${makeKey('reader', 'admin').token}`],
    ['the secret of one under the id of another', `Bearer ${reader.token.replace('reader', 'admin')}`],
    ['a key and a bit', `Bearer ${reader.token}x`],
    ['two keys', `Bearer ${reader.token} ${admin.token}`],
  ])('refuses a caller with %s', async (_what, authorization) => {
    const answer = await call('/v1/queues', authorization);
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="holdfast"');
    expect(answer.json<ProblemBody>().code).toBe('UNAUTHENTICATED');
  });

  it.each(['/health/live', '/health/ready', '/metrics', '/openapi.json', '/docs/'])('leaves %s open', async (url) => {
    expect((await call(url)).statusCode).toBe(200);
  });

  it('asks for a key, whatever its scopes, at /health', async () => {
    expect((await call('/health')).statusCode).toBe(401);
    expect((await call('/health', `Bearer ${writer.token}`)).statusCode).toBe(200);
  });

  it('holds a key to its scopes', async () => {
    expect((await call('/v1/cache/prompts/k', `Bearer ${writer.token}`, 'PUT')).statusCode).toBe(201);
    expect((await call('/v1/cache/prompts/k', `bearer ${reader.token}`)).statusCode).toBe(200);
    const answer = await call('/v1/cache/prompts/k', `Bearer ${reader.token}`, 'PUT');
    expect(answer.statusCode).toBe(403);
    expect(answer.json<ProblemBody>()).toMatchObject({ code: 'INSUFFICIENT_SCOPE' });
    expect(answer.json<ProblemBody>().detail).toContain('cache:write');
    expect((await call('/v1/queues', `Bearer ${jobs.token}`)).statusCode).toBe(200);
    expect((await call('/v1/sources/instances/sync', `Bearer ${jobs.token}`, 'POST')).statusCode).toBe(403);
  });

  it('holds a key to its namespaces, also where they are reached by a source', async () => {
    for (const url of [
      '/v1/cache/user/k',
      '/v1/namespaces/user',
      '/v1/namespaces/user/keys',
      '/v1/sources/instances',
    ]) {
      const answer = await call(url, `Bearer ${reader.token}`);
      expect(answer.json<ProblemBody>().code, url).toBe('NAMESPACE_FORBIDDEN');
    }
    const list = await call('/v1/namespaces', `Bearer ${reader.token}`);
    expect(list.json<{ namespaces: { namespace: string }[] }>().namespaces.map((n) => n.namespace)).toEqual([
      'prompts',
    ]);
    expect((await call('/v1/sources', `Bearer ${reader.token}`)).json()).toEqual({ sources: [] });
  });

  it('lets an admin do everything', async () => {
    for (const url of ['/v1/queues', '/v1/namespaces', '/v1/sources']) {
      expect((await call(url, `Bearer ${admin.token}`)).statusCode).toBe(200);
    }
  });

  it('writes the id of a caller into the log, and never a token', async () => {
    await call('/v1/queues', `Bearer ${jobs.token}`);
    const log = api.log.join('');
    expect(log).toContain('"caller":"jobs"');
    for (const { token } of [reader, writer, jobs, admin]) expect(log).not.toContain(token);
  });
});

describe('without API keys', () => {
  it('everything is open, on loopback', async () => {
    const api = await startApi({ engine: 'memory' });
    expect(api.config.server.host).toBe('localhost');
    expect((await api.app.inject('/v1/queues')).statusCode).toBe(200);
    await api.close();
  });
});
