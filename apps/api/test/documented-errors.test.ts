import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { badRequests, cacheUrl } from './bad-requests.ts';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

interface Response {
  readonly content?: Readonly<Record<string, { readonly examples?: Readonly<Record<string, unknown>> }>>;
}

interface Operation {
  readonly responses: Readonly<Record<string, Response>>;
}

/** What can become of any request before a route is asked, or because of its path alone: no operation lists it. */
const ofAnyRequest = new Set(['URL_INVALID']);

describe('the errors that the document lists', () => {
  let api: Api;
  let paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  beforeAll(async () => {
    api = await startApi({ engine: 'memory', env: { NOVITA_API_BASE_URL: 'http://127.0.0.1:9' } });
    ({ paths } = (await api.app.inject('/openapi.json')).json());
  });
  afterAll(() => api.close());

  /** Undefined where no operation is meant. */
  function operationOf({ method = 'GET', url }: InjectOptions): Operation | undefined {
    const path = (url as string).split('?', 1)[0] ?? '';
    const template = Object.keys(paths).find((each) =>
      new RegExp(`^${each.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
    );
    return template === undefined ? undefined : paths[template]?.[method.toLowerCase()];
  }

  /** With their status; `default` where they stand among the everyday ones. */
  function codesOf({ responses }: Operation): string[] {
    return Object.entries(responses).flatMap(([status, { content }]) =>
      Object.keys(content?.['application/problem+json']?.examples ?? {}).map((code) => `${status} ${code}`),
    );
  }

  const meant = badRequests.filter(([, , , code]) => !ofAnyRequest.has(code));
  it.each(meant)('have what is answered to %s', async (_what, request) => {
    const operation = operationOf(request);
    if (operation === undefined) return;
    const { statusCode, payload } = await api.app.inject(request);
    const { code } = JSON.parse(payload) as ProblemBody;
    const codes = codesOf(operation);
    expect(codes.filter((one) => one === `${statusCode} ${code}` || one === `default ${code}`)).toHaveLength(1);
  });

  it('are few: those of the way in are one answer, with an example for each code', () => {
    const { responses } = operationOf({ method: 'PUT', url: cacheUrl }) ?? { responses: {} };
    expect(Object.keys(responses)).toEqual(['201', '204', '400', '404', '412', '507', 'default']);
    expect(responses['default']).toMatchObject({
      description: expect.stringMatching(/^Any other error: 401 UNAUTHENTICATED; 403 .*; 503 .*REDIS_UNAVAILABLE/),
      content: { 'application/problem+json': { examples: { UNAUTHENTICATED: {}, INTERNAL: {} } } },
    });
  });
});
