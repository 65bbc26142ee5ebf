import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { createLogger } from '@holdfast/telemetry';
import { eventually, Latch, spawnNode, type SpawnedNode } from '@holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { HealthThread, type HealthThreadOptions } from '../../src/health-thread/health-thread.ts';
import { exitCodes } from '../../src/start-error.ts';

const variables = { host: 'HOST', port: 'HEALTH_PORT' };
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function open(options: Partial<HealthThreadOptions> = {}, port = 0) {
  const log: string[] = [];
  const probes = new HealthThread({
    logger: createLogger({ service: 'test', stream: { write: (line) => void log.push(line) } }),
    probes: () => ({ live: ok, ready: ok }),
    reports: {},
    patienceMs: 10_000,
    ...options,
  });
  const address = await probes.open({ host: '127.0.0.1', port, variables });
  closers.push(async () => probes.close());
  return { probes, address, log, get: async (path: string, init?: RequestInit) => fetch(`${address}${path}`, init) };
}
const ok = { status: 200, body: { status: 'ok' } } as const;
const age = expect.any(Number) as unknown;
const text = (body: string) => ({ status: 200, contentType: 'text/plain', body });

describe('the port that a thread answers', () => {
  it('says to probes what the main thread has said last, with its age', async () => {
    let isReady = true;
    const { probes, get } = await open({
      probes: () => ({ live: ok, ready: isReady ? ok : { status: 503, body: { status: 'closing' } } }),
    });
    for (const path of ['/health/live', '/health/ready', '/health/ready?from=a%ffprobe']) {
      const answer = await get(path);
      expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok', age }]);
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
    isReady = false;
    probes.publish();
    await eventually(async () => {
      const answer = await get('/health/ready');
      expect([answer.status, await answer.json()]).toEqual([503, { status: 'closing', age }]);
    });
    expect((await get('/health/live')).status).toBe(200);
  });

  it('knows nothing else, and takes nothing', async () => {
    const { get } = await open();
    for (const path of ['/', '/metrics', '/health', '//health/live', '/health/live/', '/__proto__', '/constructor']) {
      expect((await get(path)).status, path).toBe(404);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await get('/health/live', { method });
      expect([answer.status, answer.headers.get('allow')], method).toEqual([405, 'GET, HEAD']);
    }
    const head = await get('/health/live', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(0);
  });

  it('has a report made when it is asked for, once for all who ask within a second', async () => {
    let made = 0;
    const { get } = await open({ reports: { '/metrics': async () => text(`made ${(made += 1)}`) } });
    expect(made).toBe(0);
    const first = await get('/metrics');
    expect([first.headers.get('content-type'), first.headers.get('age')]).toEqual(['text/plain', '0']);
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 100 }, async () => get('/metrics')));
    expect(made).toBeLessThanOrEqual(2 + Math.ceil((performance.now() - startedAt) / 1000));
    await eventually(async () => expect(await (await get('/metrics')).text()).not.toBe('made 1'));
  });

  it('gives the last report where the next is late, and another one when that is there', async () => {
    const door = new Latch();
    let made = 0;
    const { get } = await open({
      reports: {
        async '/metrics'() {
          made += 1;
          if (made > 1) await door.wait();
          return text(`made ${made}`);
        },
      },
    });
    expect(await (await get('/metrics')).text()).toBe('made 1');
    await eventually(async () => {
      const old = await get('/metrics');
      expect([await old.text(), Number(old.headers.get('age')) > 0]).toEqual(['made 1', true]);
    });
    door.open();
    await eventually(async () => expect(await (await get('/metrics')).text()).toBe('made 2'));
  });

  it('says of a report that never came that there is none', async () => {
    const door = new Latch();
    const late = async () => {
      await door.wait();
      return text('late');
    };
    const { get } = await open({ reports: { '/metrics': late } });
    expect((await get('/metrics')).status).toBe(503);
    door.open();
  });

  it('goes on where the process cannot say how it is, and says so once', async () => {
    const fail = (): never => {
      throw new Error('broken');
    };
    const { probes, get, log } = await open({ probes: fail, reports: { '/metrics': async () => fail() } });
    probes.publish();
    expect((await get('/health/live')).status).toBe(200);
    expect((await get('/health/ready')).status).toBe(503);
    expect((await get('/metrics')).status).toBe(500);
    expect(log.filter((line) => line.includes('cannot say how it is'))).toHaveLength(1);
  });

  it('keeps no connection for who says nothing, or does not read', async () => {
    const { address } = await open({ reports: { '/metrics': async () => text('x'.repeat(16 * 1024 * 1024)) } });
    const { hostname, port } = new URL(address);
    const [silent, deaf] = [connect(Number(port), hostname), connect(Number(port), hostname)];
    silent.resume();
    deaf.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
    const closed = async (socket: Socket): Promise<void> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      // Cut off, which is an error to whoever is still sending.
      socket.on('error', () => {}).once('close', () => resolve());
      return promise;
    };
    const ended = Promise.all([closed(silent), closed(deaf)]);
    // Nobody tells who does not read that the connection is gone, but it is refused what it sends.
    const writing = setInterval(() => void deaf.write('\r\n'), 200);
    await ended;
    clearInterval(writing);
  });

  it('is open again after its thread has died', async () => {
    const created = once(process, 'worker');
    const { get, log } = await open({ reports: { '/metrics': async () => text('made') } });
    const [thread] = (await created) as [Worker];
    await thread.terminate();
    await eventually(async () => expect((await get('/health/ready')).status).toBe(200));
    expect(await (await get('/metrics')).text()).toBe('made');
    expect(log.join('\n')).toContain('the thread that answers probes has ended');
  });

  it('says in one sentence why it cannot be opened', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    await expect(open({}, port)).rejects.toMatchObject({
      message: expect.stringMatching(new RegExp(`^Port ${port} is taken .* HEALTH_PORT=\\d+`)) as unknown,
      exitCode: exitCodes.portTaken,
    });
    taken.close();
  });
});

describe('a process that is probed', () => {
  const fixture = new URL('../fixtures/probed.ts', import.meta.url);
  async function spawn(timeoutMs: number): Promise<{ node: SpawnedNode; address: string; release: () => void }> {
    const file = join(mkdtempSync(join(tmpdir(), 'holdfast-probed-')), 'idle');
    const node = spawnNode(fixture, { args: [String(timeoutMs), file] });
    closers.push(async () => node.kill());
    const [, address = ''] = await node.waitForLine(/^probes at (.*)/);
    return { node, address, release: () => writeFileSync(file, '') };
  }

  it('is not kept alive by the port', async () => {
    const node = spawnNode(fixture, { args: ['0'] });
    expect(await node.exited).toEqual({ code: 0, signal: null });
    expect(node.lines.join('\n')).toContain('probes at');
  });

  it('answers while its event loop is held up, for as long as that may be', async () => {
    const [lost, working] = await Promise.all([spawn(0), spawn(60_000)]);
    const ask = async (path: string) => Promise.all([lost, working].map(async ({ address }) => fetch(address + path)));
    const statuses = async (path: string): Promise<number[]> => (await ask(path)).map(({ status }) => status);
    for (const answer of await ask('/metrics')) expect(await answer.text()).toContain('made 1\n');
    for (const { node } of [lost, working]) {
      node.signal('SIGUSR2');
      await node.waitForLine(/^busy/);
    }
    // What it said before is true for a while.
    expect(await statuses('/health/live')).toEqual([200, 200]);
    expect(await statuses('/health/ready')).toEqual([200, 200]);
    await eventually(async () => {
      for (const answer of await ask('/metrics')) {
        expect(Number(answer.headers.get('age'))).toBeGreaterThan(0);
        expect(await answer.text()).toMatch(/^made 1\nholdfast_metrics_age_seconds \d+\.\d+\n$/);
      }
    });
    await eventually(async () => expect(await statuses('/health/ready')).toEqual([503, 503]));
    await eventually(async () => expect(await statuses('/health/live')).toEqual([503, 200]));

    for (const { release } of [lost, working]) release();
    await eventually(async () => expect(await statuses('/health/ready')).toEqual([200, 200]));
    expect(await statuses('/health/live')).toEqual([200, 200]);
    await eventually(async () => {
      for (const answer of await ask('/metrics')) expect(await answer.text()).not.toContain('made 1\n');
    });
  });
});
