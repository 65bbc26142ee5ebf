import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

describe('over a socket', () => {
  let api: Api;
  let port: number;
  beforeAll(async () => {
    api = await startApi({ engine: 'memory', env: { REQUEST_TIMEOUT: '2000' } });
    await api.app.listen({ host: '127.0.0.1', port: 0 });
    ({ port } = api.app.server.address() as AddressInfo);
  });
  afterAll(() => api.close());

  /** Sends bytes as they are, and reads until the server closes or has sent a whole answer. */
  const send = async (bytes: string): Promise<RawAnswer> => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.write(bytes);
    const answer = Promise.withResolvers<RawAnswer>();
    let received = '';
    const check = (): void => {
      const [head = '', body] = received.split('\r\n\r\n', 2);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (body !== undefined && body.length >= length) {
        answer.resolve({ status: Number(received.slice(9, 12)), head, body });
      }
    };
    socket.setEncoding('utf8').on('data', (chunk) => {
      received += String(chunk);
      check();
    });
    socket.on('error', (error) => answer.reject(error));
    socket.on('close', () => answer.reject(new Error(`closed after: ${received}`)));
    try {
      return await answer.promise;
    } finally {
      socket.destroy();
    }
  };

  const expectProblem = ({ status, head, body }: RawAnswer, expected: number, code: string): void => {
    expect(status, body).toBe(expected);
    expect(head.toLowerCase()).toContain('content-type: application/problem+json');
    expect(head.toLowerCase()).toContain('x-request-id: ');
    expect((JSON.parse(body) as ProblemBody).code).toBe(code);
  };
  const get = (path: string): Promise<RawAnswer> => send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);

  it.each([
    ['a key of 10 kB', `/v1/cache/prompts/${'k'.repeat(10_000)}`, 400, 'KEY_INVALID'],
    ['the key ".."', '/v1/cache/prompts/%2E%2E', 400, 'KEY_INVALID'],
    ['a key that is not UTF-8', '/v1/cache/prompts/%ff', 400, 'URL_INVALID'],
    ['a path that is none', '/%', 400, 'URL_INVALID'],
    ['a URL of 20 kB', `/v1/cache/prompts/${'k'.repeat(20_000)}`, 431, 'HEADERS_TOO_LARGE'],
  ])('refuses %s', async (_what, path, status, code) => {
    expectProblem(await get(path), status, code);
  });

  it.each([
    ['no HTTP', 'HELLO\r\n\r\n'],
    ['a header without a name', 'GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n'],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
  ])('refuses %s', async (_what, bytes) => {
    expectProblem(await send(bytes), 400, 'REQUEST_MALFORMED');
  });

  it('gives up on a client that does not finish its headers', async () => {
    expectProblem(await send('GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: '), 408, 'REQUEST_TIMEOUT');
  });

  it('gives up on a client that does not finish its body', async () => {
    const head = 'PUT /v1/cache/prompts/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf';
    const { status, body } = await send(head);
    expect([408, 503], body).toContain(status);
    expect((await api.app.inject('/v1/cache/prompts/slow')).statusCode).toBe(404);
  });

  it.each([
    ['an announced length', { 'content-length': String(100 * 1024 * 1024) }],
    ['chunks without an end in sight', { 'transfer-encoding': 'chunked' }],
  ])('refuses a body of 100 MB with %s, without holding it', async (_what, headers) => {
    const request = httpRequest({ host: '127.0.0.1', port, method: 'PUT', path: '/v1/cache/prompts/big', headers });
    const answered = once(request, 'response');
    const chunk = Buffer.alloc(1024 * 1024);
    const before = process.memoryUsage.rss();
    Readable.from(Array.from({ length: 100 }, () => chunk)).pipe(request);
    const [response] = (await answered) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    expect(response.headers['content-type']).toContain('application/problem+json');
    expect((JSON.parse(await text(response)) as ProblemBody).code).toBe('BODY_TOO_LARGE');
    expect(process.memoryUsage.rss() - before).toBeLessThan(80 * 1024 * 1024);
    expect((await api.app.inject('/v1/cache/prompts/big')).statusCode).toBe(404);
  });

  it('stops waiting for a job when the caller goes away', async () => {
    const { id } = (
      await api.app.inject({
        method: 'POST',
        url: '/v1/queues/http-delivery/jobs',
        payload: { data: { url: 'https://example.com/' }, options: { delay: '1h' } },
      })
    ).json<{ id: string }>();
    const seen = Promise.withResolvers<AbortSignal>();
    const get = api.runtime.queues.get.bind(api.runtime.queues);
    api.runtime.queues.get = async (queue, job, options) => {
      if (options?.signal !== undefined) seen.resolve(options.signal);
      return get(queue, job, options);
    };
    const socket = connect({ host: '127.0.0.1', port });
    socket.write(`GET /v1/queues/http-delivery/jobs/${id}?wait=30s HTTP/1.1\r\nHost: x\r\n\r\n`);
    const signal = await seen.promise;
    expect(signal.aborted).toBe(false);
    const aborted = once(signal, 'abort');
    socket.destroy();
    await aborted;
  });
});
