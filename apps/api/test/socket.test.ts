import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';
import {
  expectProblem,
  isWhole,
  listen,
  open,
  receive,
  requestBytes,
  send as sendTo,
  type RawAnswer,
} from './raw-http.ts';

const MiB = 1024 * 1024;

describe('over a socket', () => {
  let api: Api;
  let port: number;
  beforeAll(async () => {
    api = await startApi({ engine: 'memory', env: { REQUEST_TIMEOUT: '2000' } });
    port = await listen(api);
  });
  afterAll(() => api.close());

  const send = (bytes: string): Promise<RawAnswer> => sendTo(port, bytes);
  const get = (path: string): Promise<RawAnswer> => send(requestBytes('GET', path));

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
    expectProblem(await send(head), 408, 'REQUEST_TIMEOUT');
    expect((await api.app.inject('/v1/cache/prompts/slow')).statusCode).toBe(404);
  });

  it('gives up on a client that sends its body in chunks, too slowly', async () => {
    const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
    const head = 'POST /v1/cache/prompts/bulk/get HTTP/1.1\r\nHost: x\r\nX-Request-Id: slow-1\r\n';
    const socket = await open(port, `${head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const sending = setInterval(() => socket.write(chunk(' ')), 100);
    try {
      const { text } = await receive(socket);
      const [answered = '', body = ''] = text.split('\r\n\r\n', 2);
      expectProblem({ status: Number(text.slice(9, 12)), head: answered, body }, 408, 'REQUEST_TIMEOUT');
      // It is the answer to that very request, and the only one.
      expect(answered).toContain('x-request-id: slow-1');
      expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    } finally {
      clearInterval(sending);
      socket.destroy();
    }
  });

  const encoded = 'UNSUPPORTED_MEDIA_TYPE';
  const zipped = 'Content-Type: application/json\r\nContent-Encoding: gzip\r\n';
  it.each([
    ['an expectation that nobody knows', 'PUT /v1/cache/prompts/k', 'Expect: a-miracle\r\n', 417, 'EXPECTATION_FAILED'],
    ['the same on a path that is not there', 'GET /nowhere', 'Expect: a-miracle\r\n', 417, 'EXPECTATION_FAILED'],
    ['a tunnel', 'CONNECT example.com:443', '', 405, 'METHOD_NOT_ALLOWED'],
    ['a method of another protocol', 'PROPFIND /v1/cache/prompts/k', '', 405, 'METHOD_NOT_ALLOWED'],
    ['a method that nobody knows, in one word', 'BREW /v1/cache/prompts/k', '', 400, 'REQUEST_MALFORMED'],
    ['all of the server', 'OPTIONS *', '', 404, 'ROUTE_NOT_FOUND'],
    ['another version of a route', 'GET /nowhere', 'Accept-Version: 9.x\r\n', 404, 'ROUTE_NOT_FOUND'],
    ['a length that is none', 'PUT /v1/cache/prompts/k', 'Content-Length: many\r\n', 400, 'REQUEST_MALFORMED'],
    ['an encoding that nobody knows', 'PUT /v1/cache/prompts/k', 'Transfer-Encoding: x\r\n', 400, 'REQUEST_MALFORMED'],
    ['a transfer that is compressed', 'PUT /v1/cache/prompts/k', 'Transfer-Encoding: gzip, chunked\r\n', 415, encoded],
    ['a compressed command', 'POST /v1/queues/http-delivery/jobs', `${zipped}Content-Length: 9\r\n`, 415, encoded],
    [
      'the same of no length',
      'POST /v1/cache/prompts/bulk/get',
      `${zipped}Transfer-Encoding: chunked\r\n`,
      415,
      encoded,
    ],
    ['headers of 20 kB', 'GET /health/live', `X-Long: ${'x'.repeat(20_000)}\r\n`, 431, 'HEADERS_TOO_LARGE'],
  ])('refuses %s', async (_what, line, headers, status, code) => {
    expectProblem(await send(`${line} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`), status, code);
  });

  it('refuses a request without a host, and serves one of HTTP/1.0, which needs none', async () => {
    expectProblem(await send('GET /health/live HTTP/1.1\r\n\r\n'), 400, 'REQUEST_MALFORMED');
    const old = await send('GET /health/live HTTP/1.0\r\nExpect: a-miracle\r\n\r\n');
    expect(old.status).toBe(200);
  });

  it('serves a client that asks before it sends, and one that would like to speak another protocol', async () => {
    const head = 'PUT /v1/cache/prompts/asks HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n';
    const socket = await open(port, head);
    let isAsked = false;
    const { text } = await receive(socket, (received) => {
      if (!isAsked && received.includes('100 Continue\r\n\r\n')) {
        isAsked = true;
        socket.write('x');
      }
      return received.includes('HTTP/1.1 201');
    });
    socket.destroy();
    expect(text).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 201 Created/);
    const upgrade = 'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n';
    expect((await send(upgrade)).status).toBe(200);
  });

  it('refuses a body whose chunks are broken as the answer to that request', async () => {
    const head =
      'PUT /v1/cache/prompts/k HTTP/1.1\r\nHost: x\r\nX-Request-Id: broken-1\r\nTransfer-Encoding: chunked\r\n';
    const answer = await send(`${head}\r\n1\r\nx\r\nno length\r\n`);
    expectProblem(answer, 400, 'REQUEST_MALFORMED');
    expect(answer.head).toContain('x-request-id: broken-1');
  });

  it('answers in order where a good request is followed by broken bytes', async () => {
    const socket = await open(port, `${requestBytes('GET', '/health')}HELLO\r\n\r\n`);
    const { text } = await receive(socket);
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
  });

  it.each([
    ['an announced length', `content-length: ${100 * MiB}`, 'x'.repeat(MiB)],
    ['chunks without an end in sight', 'transfer-encoding: chunked', `100000\r\n${'x'.repeat(MiB)}\r\n`],
  ])('refuses a body of 100 MB with %s, without holding it', async (_what, header, part) => {
    const connected = once(api.app.server, 'connection') as Promise<[Socket]>;
    const socket = await open(port, `PUT /v1/cache/prompts/big HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n`);
    const state = { isAnswered: false };
    const answering = receive(socket, (received) => (state.isAnswered = isWhole(received)));
    // As a client does that reads while it sends.
    for (let sent = 0; sent < 100 && !state.isAnswered; sent += 1)
      await new Promise((resolve) => socket.write(part, resolve));
    const { text } = await answering;
    const [head = '', body = ''] = text.split('\r\n\r\n', 2);
    expectProblem({ status: Number(text.slice(9, 12)), head, body }, 413, 'BODY_TOO_LARGE');
    // It stops reading soon after the limit of a body.
    const [served] = await connected;
    expect(served.bytesRead).toBeLessThan(30 * MiB);
    expect((await api.app.inject('/v1/cache/prompts/big')).statusCode).toBe(404);
    socket.destroy();
  });
});
