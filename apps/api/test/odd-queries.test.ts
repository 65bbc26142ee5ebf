import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema: { readonly type?: string };
}

interface Place {
  readonly method: 'GET' | 'PUT';
  readonly path: string;
  readonly name: string;
}

/** NUL, halves of surrogate pairs in the bytes that WTF-8 gives them, and bytes that are no UTF-8 at all. */
const bad = ['%00', 'a%00b', '%ED%A0%80', '%ED%B0%80x', '%C0%80', '%ff', '%', '%2'];

describe.each(['redis', 'embedded'] as const)('texts in a query that nothing can store, in %s mode', (engine) => {
  let api: Api;
  let port: number;
  let places: readonly Place[];
  beforeAll(async () => {
    api = await startApi({ engine });
    await api.app.listen({ host: '127.0.0.1', port: 0 });
    ({ port } = api.app.server.address() as AddressInfo);
    const { paths } = (await api.app.inject('/openapi.json')).json<{
      paths: Record<string, Record<string, { parameters?: Parameter[] }>>;
    }>();
    places = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).flatMap(([method, { parameters = [] }]) =>
        parameters
          .filter((parameter) => parameter.in === 'query')
          .map(({ name }) => ({ method: method === 'put' ? 'PUT' : 'GET', path: filled(path), name }) satisfies Place),
      ),
    );
  });
  afterAll(() => api.close());

  it('are refused in each parameter of each route that has any', async () => {
    expect(places.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['prefix', 'cursor', 'tags', 'name', 'state']),
    );
    for (const { method, path, name } of places) {
      for (const text of bad) {
        const answer = await api.app.inject({ method, url: `${path}?${name}=${text}` });
        expect(answer.statusCode, `${method} ${path}?${name}=${text} ${answer.payload}`).toBe(400);
        expect(answer.json<ProblemBody>().code).toMatch(/^(?:REQUEST|URL)_INVALID$/);
      }
    }
  });

  it('give no 5xx however they are mixed, cursors that hold them among them', async () => {
    const part = fc.constantFrom(...bad, 'a', '%25', '%20', ',', '10s');
    const text = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
    const cursor = fc
      .tuple(
        fc.constantFrom('failed\n1\n', 'waiting\n1,2\n', '17.', '', '0-'),
        fc.string({ unit: 'binary', maxLength: 9 }),
      )
      .map(([start, end]) => Buffer.from(`${start}${end}\0`).toString('base64url'));
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.oneof(text, cursor), async (at, value) => {
        const { method, path, name } = places[at % places.length] ?? { method: 'GET', path: '/', name: 'x' };
        const answer = await api.app.inject({ method, url: `${path}?${name}=${value}` });
        expect(answer.statusCode, `${path}?${name}=${value} ${answer.payload}`).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  });

  it.each(['\0', 'a\0b', '\ud800', 'b\udc00'])(
    'give no 5xx in the bodies of any route, nor in its path: %j',
    async (text) => {
      const delivery = { url: 'https://example.com/' };
      const waiting = { data: delivery, options: { jobId: 'cancelled', delay: '1h' } };
      await api.app.inject({ method: 'POST', url: '/v1/queues/http-delivery/jobs', payload: waiting });
      const jobs = [
        { data: text },
        { data: { ...delivery, body: text } },
        { data: { ...delivery, headers: { [text]: text } } },
        { data: delivery, name: text },
        { data: delivery, options: { jobId: text } },
        { data: delivery, options: { deduplication: { id: text, ttl: '1h' } } },
        { data: delivery, options: { delay: text } },
      ];
      const schedules = [
        { every: '1h', job: { data: { ...delivery, body: text } } },
        { every: '1h', job: { data: delivery, name: text } },
        { pattern: text, job: { data: delivery } },
        { pattern: '0 0 * * *', tz: text, job: { data: delivery } },
      ];
      const items = [
        { key: text, value: text },
        { key: 'a', value: 1, tags: [text] },
        { key: 'b', bytes: text },
      ];
      const requests: readonly (readonly ['POST' | 'PUT', string, object])[] = [
        ...jobs.map((job) => ['POST', '/v1/queues/http-delivery/jobs', job] as const),
        ['POST', '/v1/queues/http-delivery/jobs/bulk', { jobs }],
        ...schedules.map((schedule) => ['PUT', '/v1/queues/http-delivery/schedules/odd', schedule] as const),
        ['POST', '/v1/queues/http-delivery/jobs/cancelled/cancel', { reason: text }],
        ['POST', '/v1/queues/http-delivery/dead-letters/redrive', { ids: [text] }],
        ['POST', '/v1/queues/http-delivery/dead-letters/clean', { ids: [text] }],
        ['POST', '/v1/queues/http-delivery/clean', { state: text }],
        ['POST', '/v1/cache/prompts/bulk/set', { items }],
        ['POST', '/v1/cache/prompts/sync', { updates: items, deletions: [text] }],
        ['POST', '/v1/cache/prompts/bulk/get', { keys: [text] }],
        ['POST', '/v1/cache/prompts/bulk/delete', { keys: [text] }],
        ['POST', '/v1/cache/prompts/invalidate', { tags: [text] }],
        ['POST', '/v1/cache/prompts/invalidate', { prefix: text }],
      ];
      for (const [method, url, payload] of requests) {
        const answer = await api.app.inject({ method, url, payload });
        expect(answer.statusCode, `${method} ${url} ${JSON.stringify(payload)} ${answer.payload}`).toBeLessThan(500);
        expect(answer.payload).not.toContain('INTERNAL');
      }
      const encoded = text.isWellFormed() ? encodeURIComponent(text) : '%ED%A0%80';
      const paths = [
        ...['', '/events', '/retry', '/cancel', '/promote'].map(
          (end) => `/v1/queues/http-delivery/jobs/${encoded}${end}`,
        ),
        `/v1/queues/${encoded}`,
        `/v1/queues/http-delivery/schedules/${encoded}`,
        `/v1/cache/prompts/${encoded}`,
        `/v1/namespaces/${encoded}`,
        `/v1/sources/instances/items/${encoded}`,
        `/v1/entities/user/${encoded}/invalidate`,
      ];
      for (const url of paths) {
        for (const method of ['GET', 'POST', 'DELETE'] as const) {
          const answer = await api.app.inject({ method, url });
          expect(answer.statusCode, `${method} ${url} ${answer.payload}`).toBeLessThan(500);
        }
      }
      expect(api.log.filter((line) => line.includes('"INTERNAL"'))).toEqual([]);
    },
  );

  it('are refused over a socket, also where the bytes come as they are', async () => {
    for (const query of [...bad.map((text) => `prefix=${text}`), 'prefix=\u00ed\u00a0\u0080', 'prefix=\u00ff']) {
      const [head = ''] = (await send(`GET /v1/namespaces/prompts/keys?${query} HTTP/1.1\r\nHost: x\r\n\r\n`)).split(
        '\r\n',
      );
      expect(head, query).toContain(' 400 ');
    }
  });

  it('leave probes and scrapes as they are, which ignore queries', async () => {
    for (const path of ['/health/live', '/health/ready', '/health', '/metrics']) {
      for (const query of ['x=1', 'x', 'name[]=up&name[]=down', ...bad.map((text) => `a=${text}`)]) {
        const [head = ''] = (await send(`GET ${path}?${query} HTTP/1.1\r\nHost: x\r\n\r\n`)).split('\r\n');
        expect(head, `${path}?${query}`).toContain(' 200 ');
      }
    }
  });

  it('take no tab in a Content-Type for one that is not known', async () => {
    const put = async (path: string, type: string, body: string): Promise<string> => {
      const head = `Host: x\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}`;
      return send(`${path} HTTP/1.1\r\n${head}\r\n\r\n${body}`);
    };
    expect(await put('PUT /v1/cache/prompts/tab', 'text/plain;\tcharset=utf-8', 'x')).toMatch(/^HTTP\/1\.1 20[14] /);
    const read = await send('GET /v1/cache/prompts/tab HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(read.toLowerCase()).toContain('content-type: text/plain; charset=utf-8\r\n');
    const bulk = await put('POST /v1/cache/prompts/bulk/get', 'application/json\t;\tcharset=utf-8', '{"keys":[]}');
    expect(bulk).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('name no job and no schedule that only dots would, and no key', async () => {
    const json = (path: string, body: string): Promise<string> =>
      send(
        `${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    for (const dots of ['.', '..']) {
      const encoded = dots.replaceAll('.', '%2E');
      const job = `{"data":{"url":"https://example.com/"},"options":{"jobId":"${dots}"}}`;
      expect(await json('POST /v1/queues/http-delivery/jobs', job)).toContain('"path":"/options/jobId"');
      const bulk = await json('POST /v1/queues/http-delivery/jobs/bulk', `{"jobs":[${job}]}`);
      expect(bulk).toMatch(/"rejected":1.*"path":"\/options\/jobId"/);
      const schedule = '{"every":"1h","job":{"data":{"url":"https://example.com/"}}}';
      const made = await json(`PUT /v1/queues/http-delivery/schedules/${encoded}`, schedule);
      expect(made).toMatch(/^HTTP\/1\.1 400 /);
      expect(made).toContain('"path":"params.id"');
      expect(await json(`PUT /v1/cache/prompts/${encoded}`, '1')).toContain('"path":"params.key"');
      const set = await json('POST /v1/cache/prompts/bulk/set', `{"items":[{"key":"${dots}","value":1}]}`);
      expect(set).toContain('"code":"KEY_INVALID"');
      const gone = await json('POST /v1/cache/prompts/bulk/delete', `{"keys":["${dots}"]}`);
      expect(gone).toContain('"code":"KEY_INVALID"');
      expect(await json('POST /v1/cache/prompts/bulk/get', `{"keys":["${dots}"]}`)).toContain('"code":"KEY_INVALID"');
      expect(await json(`GET /v1/cache/${encoded}/key`, '')).toContain('"path":"params.ns"');
    }
  });

  /** Bytes as they are: the clients of Node would refuse or encode them. */
  async function send(request: string): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port });
    socket.write(request, 'latin1');
    const answer = Promise.withResolvers<string>();
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      received += String(chunk);
      if (isWhole(received)) answer.resolve(received);
    });
    socket.on('error', (error) => answer.reject(error));
    socket.on('close', () => answer.reject(new Error(`closed after: ${received}`)));
    try {
      return await answer.promise;
    } finally {
      socket.destroy();
    }
  }
});

/** Whether an answer has come with all of its body. */
function isWhole(received: string): boolean {
  const [head = '', ...body] = received.split('\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  const rest = body.join('\r\n\r\n');
  return (
    body.length > 0 && (length === undefined ? rest.endsWith('0') || rest.length > 0 : rest.length >= Number(length))
  );
}

/** The path with parts that there are. */
function filled(path: string): string {
  const parts: Record<string, string> = { ns: 'prompts', q: 'http-delivery', s: 'instances' };
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => parts[name] ?? 'any');
}
