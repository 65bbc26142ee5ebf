import { createServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { UpstreamClient } from '@holdfast/sources';
import { Latch, closedPort } from '@holdfast/testing';
import { sendJson, startHttp } from './http-fixture.ts';
import type { Answer } from './http-fixture.ts';

const SECRET = 'sk-very-secret';
const request = { path: '/v1/things', timeoutMs: 5_000, maxBytes: 10_000 };

async function read(
  answer: Answer,
  overrides: Partial<typeof request> & { signal?: AbortSignal } = {},
): Promise<unknown> {
  const { url } = await startHttp(answer);
  return new UpstreamClient({ baseUrl: url, apiKey: SECRET }).getJson({ ...request, ...overrides });
}

const body =
  (text: string | Buffer, headers: Record<string, string> = { 'content-type': 'application/json' }): Answer =>
  (_request, response) => {
    response.writeHead(200, headers);
    response.end(text);
  };

describe('a request', () => {
  it('goes to the path below the base URL, with the query, the key and no more', async () => {
    const seen: unknown[] = [];
    const { url } = await startHttp((incoming, response) => {
      seen.push(incoming.url, incoming.headers.authorization, incoming.headers.accept);
      sendJson(response, { ok: true });
    });
    const client = new UpstreamClient({ baseUrl: `${url}/api/`, apiKey: SECRET });
    expect(await client.getJson({ ...request, path: '/v1/things?fixed=1', query: { page: '2' } })).toEqual({
      ok: true,
    });
    expect(seen).toEqual(['/api/v1/things?fixed=1&page=2', `Bearer ${SECRET}`, 'application/json']);
    expect(client.url('/v1/things?fixed=1')).toBe(`${url}/api/v1/things`);
  });

  it('carries no key where there is none', async () => {
    let authorization: string | undefined = 'unset';
    const { url } = await startHttp((incoming, response) => {
      ({ authorization } = incoming.headers);
      sendJson(response, {});
    });
    await new UpstreamClient({ baseUrl: url }).getJson(request);
    expect(authorization).toBeUndefined();
  });
});

describe('an answer', () => {
  it('may be any kind of JSON', async () => {
    expect(await read(body('[1]', { 'content-type': 'application/problem+json' }))).toEqual([1]);
    expect(await read(body('[2]', { 'content-type': 'Application/JSON; charset=utf-8' }))).toEqual([2]);
  });

  it.each([500, 502, 503, 429, 408])('of status %i is a failure that may pass', async (status) => {
    await expect(read((_request, response) => sendJson(response, {}, status))).rejects.toMatchObject({
      code: 'UPSTREAM_FAILED',
      retryable: true,
      message: `GET /v1/things was answered with status ${status}.`,
    });
  });

  it.each([400, 401, 403, 404, 304])('of status %i is a refusal', async (status) => {
    const answer: Answer = (_request, response) => response.writeHead(status).end();
    await expect(read(answer)).rejects.toMatchObject({ code: 'UPSTREAM_REJECTED', retryable: false });
  });

  it('that redirects is not followed', async () => {
    const target = await startHttp((_request, response) => sendJson(response, {}));
    const answer: Answer = (_request, response) => response.writeHead(302, { location: target.url }).end();
    await expect(read(answer)).rejects.toMatchObject({ code: 'UPSTREAM_REJECTED' });
    expect(target.requests).toEqual([]);
  });

  it.each([
    ['HTML', '<!doctype html><h1>Sign in</h1>', 'text/html'],
    ['plain text', '{}', 'text/plain'],
    ['JSON in name only', '<h1>Sign in</h1>', 'application/json'],
    ['text behind JSON', '{} trailing', 'application/json'],
    ['an empty body', '', 'application/json'],
  ])('of %s is not JSON', async (_name, text, type) => {
    await expect(read(body(text, { 'content-type': type }))).rejects.toMatchObject({ code: 'UPSTREAM_NOT_JSON' });
  });

  it('without a content type is not JSON', async () => {
    await expect(read(body('{}', {}))).rejects.toMatchObject({ code: 'UPSTREAM_NOT_JSON' });
  });

  it.each(['{"things": [{"id": "a"}, {"id', '{"things": [', '[{"id": "a\\"]}'])(
    'of cut-off JSON (%s) is incomplete',
    async (text) => {
      await expect(read(body(text))).rejects.toMatchObject({ code: 'UPSTREAM_INCOMPLETE', retryable: true });
    },
  );

  it('whose connection breaks within the body is incomplete', async () => {
    const answer: Answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
      response.write('{"things": [', () => response.destroy());
    };
    await expect(read(answer)).rejects.toMatchObject({ code: 'UPSTREAM_INCOMPLETE' });
  });

  it('of more bytes than allowed is left at the bound', async () => {
    const closed = new Latch();
    const answer: Answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => void response.write('[0,'.repeat(10_000), (error) => error ?? setImmediate(more));
      response.once('close', () => closed.open());
      more();
    };
    await expect(read(answer)).rejects.toMatchObject({ code: 'UPSTREAM_TOO_LARGE', retryable: false });
    await closed.wait();
  });

  it('is measured after decompression', async () => {
    const bomb = gzipSync(JSON.stringify('0'.repeat(1_000_000)));
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    await expect(read(body(bomb, headers))).rejects.toMatchObject({ code: 'UPSTREAM_TOO_LARGE' });
  });
});

describe('no answer', () => {
  it('because nothing listens is unreachable', async () => {
    const client = new UpstreamClient({ baseUrl: `http://127.0.0.1:${await closedPort()}`, apiKey: SECRET });
    await expect(client.getJson(request)).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true });
  });

  it('because the name does not resolve is unreachable', async () => {
    const client = new UpstreamClient({ baseUrl: 'http://nowhere.invalid' });
    await expect(client.getJson(request)).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
  });

  it('because the connection is closed is unreachable', async () => {
    await expect(read((incoming) => incoming.socket.destroy())).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
  });

  it('because it is no HTTP is unreachable', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const client = new UpstreamClient({ baseUrl: `http://127.0.0.1:${port}` });
    await expect(client.getJson(request)).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
    server.close();
  });

  it('in time is a time-out', async () => {
    await expect(read(() => {}, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'UPSTREAM_TIMEOUT',
      retryable: true,
    });
  });

  it('to the end in time is a time-out too', async () => {
    const answer: Answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('[');
    };
    await expect(read(answer, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
  });

  it('before the caller gives up rejects with the reason of the caller', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    await expect(read(() => controller.abort(reason), { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('a secret', () => {
  it.each([
    ['a refusal', async (): Promise<unknown> => read((_request, response) => sendJson(response, {}, 401))],
    ['a lost connection', async () => read((incoming) => incoming.socket.destroy())],
    ['a body that repeats it', async () => read(body(`{"key": ${SECRET}}`))],
    ['a key that is no header', async () => new UpstreamClient({ baseUrl: 'http://x.invalid', apiKey: `${SECRET}\n` })],
    ['credentials in the address', async () => new UpstreamClient({ baseUrl: `http://me:${SECRET}@x.invalid` })],
    ['an address that is none', async () => new UpstreamClient({ baseUrl: `nonsense ${SECRET}` })],
    ['a query in the address', async () => new UpstreamClient({ baseUrl: `http://x.invalid?key=${SECRET}` })],
  ])('does not appear in the error of %s, nor in its causes', async (_name, attempt) => {
    const error: unknown = await attempt().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(Error);
    for (let current = error; current instanceof Error; current = current.cause) {
      expect(`${current.message} ${current.stack}`).not.toContain(SECRET);
    }
  });
});
