import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const script = fileURLToPath(new URL('../healthcheck.mjs', import.meta.url));

let server: Server | undefined;

afterEach(async () => {
  if (server === undefined) return;
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  server = undefined;
});

describe('the health check of the images', () => {
  it('succeeds when the service answers 200', async () => {
    const url = await serve((_request, response) => response.end('{"status":"ok"}'));
    expect(await check(url)).toEqual({ code: 0, stderr: '' });
  });

  it('fails when the service answers 503, and says so', async () => {
    const url = await serve((_request, response) => response.writeHead(503).end());
    expect(await check(url)).toEqual({ code: 1, stderr: `${url} answered 503\n` });
  });

  it('fails on a redirect, which no health path answers with', async () => {
    const url = await serve((_request, response) => response.writeHead(302, { location: '/' }).end());
    expect(await check(url)).toMatchObject({ code: 1 });
  });

  it('fails when nobody listens, and says so', async () => {
    const url = await serve(() => undefined);
    server?.close();
    expect(await check(url)).toEqual({ code: 1, stderr: expect.stringContaining('ECONNREFUSED') });
  });

  it('gives up on a service that accepts and never answers', async () => {
    const url = await serve(() => undefined);
    expect(await check(url)).toEqual({ code: 1, stderr: expect.stringContaining('timeout') });
  });
});

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/health/live`;
}

async function check(url: string): Promise<{ code: unknown; stderr: string }> {
  const child = spawn(process.execPath, [script, url], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [unknown];
  return { code, stderr };
}
