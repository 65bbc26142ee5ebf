import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closedPort, eventually, spawnNode, uniquePrefix, useRedis } from '@holdfast/testing';
import type { SpawnedNode } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';

const server = new URL('../src/server.ts', import.meta.url);

function start(env: Record<string, string> = {}, execArgs: readonly string[] = []): SpawnedNode {
  return spawnNode(server, {
    cwd: mkdtempSync(join(tmpdir(), 'holdfast-server-')),
    execArgs: ['--conditions=@holdfast/source', ...execArgs],
    env: { PORT: '0', REDIS_URL: useRedis().url, REDIS_KEY_PREFIX: uniquePrefix('server'), ...env },
  });
}

async function ready(node: SpawnedNode): Promise<URL> {
  const [, address = ''] = await node.waitForLine(/"address":"([^"]+)".*"ready"/);
  return new URL(address);
}

/** A request that is never complete, so that a graceful shutdown has to wait for it. */
async function openRequest({ hostname, port }: URL): Promise<void> {
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => {});
  socket.write('PUT /v1/cache/prompts/k HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n');
  // The server has seen the headers once it asks for the body.
  await once(socket, 'data');
}

describe('the process', () => {
  it('serves, and ends with 0 on SIGTERM, even while somebody waits for a job', async () => {
    const node = start();
    const address = await ready(node);
    const job = await fetch(new URL('/v1/queues/http-delivery/jobs', address), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ data: { url: 'https://example.com/' }, options: { delay: '1h', jobId: 'late' } }),
    });
    expect(job.status).toBe(201);
    const path = '/v1/queues/http-delivery/jobs/late?wait=30s';
    const socket = connect({ host: address.hostname, port: Number(address.port) });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const answer = once(socket, 'data');
    await eventually(async () => {
      const metrics = await (await fetch(new URL('/metrics', address))).text();
      // The one that waits, and this one.
      expect(metrics).toMatch(/^holdfast_http_requests_in_flight 2$/m);
    });
    node.signal('SIGTERM');
    const [bytes] = (await answer) as [Buffer];
    expect(bytes.toString()).toMatch(/^HTTP\/1.1 200 OK[^]*"state":"delayed"/);
    expect(await node.exited).toEqual({ code: 0, signal: null });
    expect(node.lines.join('\n')).toContain('"bye"');
  });

  it('counts a caller that went away as gone', async () => {
    const node = start();
    const address = await ready(node);
    const inFlight = async (): Promise<string | undefined> =>
      /^holdfast_http_requests_in_flight (\d+)$/m.exec(await (await fetch(new URL('/metrics', address))).text())?.[1];
    await fetch(new URL('/v1/queues/http-delivery/jobs', address), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ data: { url: 'https://example.com/' }, options: { delay: '1h', jobId: 'left' } }),
    });
    const socket = connect({ host: address.hostname, port: Number(address.port) });
    socket.write('GET /v1/queues/http-delivery/jobs/left?wait=30s HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(async () => expect(await inFlight()).toBe('2'));
    socket.destroy();
    await eventually(async () => expect(await inFlight()).toBe('1'));
    node.signal('SIGTERM');
    expect(await node.exited).toEqual({ code: 0, signal: null });
  });

  it('ends at once on a second signal', async () => {
    const node = start({ SHUTDOWN_TIMEOUT: '60000' });
    await openRequest(await ready(node));
    node.signal('SIGINT');
    await node.waitForLine(/shutting down/);
    node.signal('SIGINT');
    expect(await node.exited).toEqual({ code: 1, signal: null });
  });

  it('serves on for SHUTDOWN_DELAY, not ready, and with each answer as the last of its connection', async () => {
    const node = start({ SHUTDOWN_DELAY: '60s' });
    const address = await ready(node);
    node.signal('SIGTERM');
    await node.waitForLine(/shutting down/);
    const ask = async (path: string, init?: RequestInit) => fetch(new URL(path, address), init);
    const probe = await ask('/health/ready');
    expect([probe.status, await probe.json()]).toEqual([503, { status: 'closing' }]);
    await eventually(async () => {
      const answers = [
        await ask('/health/live'),
        await ask('/v1/cache/prompts/k', { method: 'PUT', body: 'x' }),
        await ask('/v1/cache/prompts/k'),
        await ask('/v1/no-such-route'),
      ];
      for (const { headers } of [probe, ...answers]) expect(headers.get('connection')).toBe('close');
      // A busy machine may take Redis for away once, and what was written then is not there any more.
      expect(answers.map(({ ok, status }) => (ok ? 'ok' : status))).toEqual(['ok', 'ok', 'ok', 404]);
    });
    await node.kill();
  });

  it('cuts off a request that does not end, and closes the rest in order before SHUTDOWN_TIMEOUT', async () => {
    const node = start({ SHUTDOWN_TIMEOUT: '8000' });
    await openRequest(await ready(node));
    node.signal('SIGTERM');
    expect(await node.exited).toEqual({ code: 0, signal: null });
    expect(node.lines.join('\n')).toMatch(/requests were cut off[^]*"bye"/);
  });

  it('lists everything that is wrong with the configuration', async () => {
    const node = start({ PORT: 'many', REDIS_COMMAND_TIMEOUT_MS: '-1' });
    expect(await node.exited).toEqual({ code: 1, signal: null });
    const output = node.lines.join('\n');
    expect(output).toContain('PORT');
    expect(output).toContain('REDIS_COMMAND_TIMEOUT_MS');
    expect(output).not.toMatch(/^\s+at /m);
  });

  it('starts without Redis while fallback is on', async () => {
    const node = start({ REDIS_URL: `redis://127.0.0.1:${await closedPort()}` });
    const health = await fetch(new URL('/health', await ready(node)));
    expect(await health.json()).toMatchObject({ status: 'degraded' });
    expect(await node.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('does not start without Redis while fallback is off, and says why', async () => {
    const url = `redis://127.0.0.1:${await closedPort()}`;
    const node = start({ REDIS_URL: url, REDIS_ENABLE_FALLBACK: 'false', REDIS_CONNECTION_TIMEOUT_MS: '500' });
    expect(await node.exited).toEqual({ code: 69, signal: null });
    expect(node.lines.join('\n')).toMatch(/REDIS_ENABLE_FALLBACK=false\): nothing listens at redis:/);
  });

  it('logs what nobody caught, and ends with 1', async () => {
    const thrower = "process.on('SIGUSR2', () => { throw new Error('nobody caught this'); });";
    const node = start({}, ['--import', `data:text/javascript,${encodeURIComponent(thrower)}`]);
    await ready(node);
    node.signal('SIGUSR2');
    expect(await node.exited).toEqual({ code: 1, signal: null });
    expect(node.lines.join('\n')).toContain('nobody caught this');
  });
});
