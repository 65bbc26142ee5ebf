import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { badRequests, cacheUrl } from './bad-requests.ts';
import { makeKey, startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';
import { listen, send } from './raw-http.ts';

interface Response {
  readonly content?: Readonly<Record<string, { readonly examples?: Readonly<Record<string, unknown>> }>>;
}

interface Operation {
  readonly 'x-scope'?: string;
  readonly responses: Readonly<Record<string, Response>>;
}

/** What can become of any request before a route is asked, or because of its path alone: no operation lists it. */
const ofAnyRequest = new Set(['URL_INVALID', 'ROUTE_NOT_FOUND', 'METHOD_NOT_ALLOWED']);

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

function operationOf(paths: Paths, { method = 'GET', url }: InjectOptions): Operation {
  const path = (url as string).split('?', 1)[0] ?? '';
  const template = Object.keys(paths).find((each) =>
    new RegExp(`^${each.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
  const operation = paths[template ?? '']?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`The document has no operation for ${method} ${path}.`);
  return operation;
}

/** With their status; `default` where they stand among the everyday ones. */
function codesOf({ responses }: Operation): string[] {
  return Object.entries(responses).flatMap(([status, { content }]) =>
    Object.keys(content?.['application/problem+json']?.examples ?? {}).map((code) => `${status} ${code}`),
  );
}

describe('the errors that the document lists', () => {
  let api: Api;
  let paths: Paths;
  beforeAll(async () => {
    api = await startApi({ engine: 'memory', env: { NOVITA_API_BASE_URL: 'http://127.0.0.1:9' } });
    ({ paths } = (await api.app.inject('/openapi.json')).json());
  });
  afterAll(() => api.close());

  const meant = badRequests.filter(([, , , code]) => !ofAnyRequest.has(code));
  it.each(meant)('have what is answered to %s', async (_what, request) => {
    const operation = operationOf(paths, request);
    const { statusCode, payload } = await api.app.inject(request);
    const { code } = JSON.parse(payload) as ProblemBody;
    const codes = codesOf(operation);
    expect(codes.filter((one) => one === `${statusCode} ${code}` || one === `default ${code}`)).toHaveLength(1);
  });

  it('are few: those of the way in are one answer, with an example for each code', () => {
    const { responses } = operationOf(paths, { method: 'PUT', url: cacheUrl });
    expect(Object.keys(responses)).toEqual(['201', '204', '400', '404', '412', '507', 'default']);
    expect(responses['default']).toMatchObject({
      description: expect.stringMatching(/^Any other error: 401 UNAUTHENTICATED; 403 .*; 503 .*REDIS_UNAVAILABLE/),
      content: { 'application/problem+json': { examples: { UNAUTHENTICATED: {}, INTERNAL: {} } } },
    });
  });
});

describe('the errors that the document lists for callers without the right key', () => {
  const cache = makeKey('cache', 'cache:read');
  const jobs = makeKey('jobs', 'jobs:read');
  let api: Api;
  let operations: readonly { readonly method: 'GET'; readonly url: string; readonly operation: Operation }[];
  beforeAll(async () => {
    api = await startApi({ engine: 'memory', env: { HOLDFAST_API_KEYS: `${cache.entry},${jobs.entry}` } });
    const { paths } = (await api.app.inject('/openapi.json')).json<{ paths: Paths }>();
    operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase() as 'GET',
        url: path.replaceAll(/\{\w+\}/g, 'x'),
        operation,
      })),
    );
  });
  afterAll(() => api.close());

  it('have 401 where a key is needed, and 403 where a scope is', async () => {
    for (const { method, url, operation } of operations) {
      const { 'x-scope': scope } = operation;
      const codes = codesOf(operation);
      const isOpen = scope === undefined;
      expect(codes.includes('default UNAUTHENTICATED'), `${method} ${url}`).toBe(!isOpen);
      expect(codes.includes('default INSUFFICIENT_SCOPE'), `${method} ${url}`).toBe(!isOpen && scope !== 'any key');
      if (isOpen) continue;
      expect((await api.app.inject({ method, url })).json(), url).toMatchObject({ code: 'UNAUTHENTICATED' });
      const { token } = scope === 'cache:read' ? jobs : cache;
      const answer = await api.app.inject({ method, url, headers: { authorization: `Bearer ${token}` } });
      expect(answer.statusCode === 403, `${method} ${url} ${answer.payload}`).toBe(scope !== 'any key');
    }
  });

  it('have what is wrong with the bytes of a request where any caller and any query is taken', async () => {
    const port = await listen(api);
    const open = operations.filter(({ operation }) => !/^[a-z]+:[a-z]+$|^admin$/.test(operation['x-scope'] ?? ''));
    expect(open.length).toBeGreaterThan(5);
    for (const { url, operation } of open) {
      const answer = await send(port, `GET ${url} HTTP/1.1\r\n\r\n`);
      expect(answer).toMatchObject({ status: 400 });
      const { code } = JSON.parse(answer.body) as ProblemBody;
      expect(codesOf(operation), url).toContain(`400 ${code}`);
    }
  });
});
