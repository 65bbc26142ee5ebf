import { startReceiver, type Receiver } from '@holdfast/testing';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, modules } from '@holdfast/modules';
import { createRuntime } from '@holdfast/runtime';
import type { Runtime } from '@holdfast/runtime';
import { setTimeout as delay } from 'node:timers/promises';
import {
  closedPort,
  eventually,
  Latch,
  monitor,
  spawnNode,
  startRedis,
  uniquePrefix,
  useRedis,
} from '@holdfast/testing';
import type { SpawnedNode } from '@holdfast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const main = new URL('../src/main.ts', import.meta.url);
const cwd = mkdtempSync(join(tmpdir(), 'holdfast-worker-process-'));
const prefix = uniquePrefix('worker-process');
const onRedis = {
  REDIS_URL: useRedis().url,
  REDIS_KEY_PREFIX: prefix,
  WORKER_PORT: '0',
  HTTP_DELIVERY_ALLOW_PRIVATE: 'true',
};
const start = (env: Record<string, string> = {}): SpawnedNode => spawnNode(main, { cwd, env });
const ready = async (node: SpawnedNode): Promise<string> =>
  (await node.waitForLine(/"health":"([^"]+)".*"ready"/))[1] ?? '';

describe('the process of the worker', () => {
  let receiver: Receiver;
  let runtime: Runtime;
  beforeAll(async () => {
    receiver = await startReceiver();
    runtime = await createRuntime(loadConfig({ cwd, env: onRedis, parts: configParts(modules) }), { modules });
  });
  beforeEach(() => receiver.reset());
  afterAll(async () => {
    await runtime.close();
    await receiver.close();
  });
  const addDelivery = async (): Promise<string> =>
    (await runtime.parts.queues.queues.add('http-delivery', { data: { url: receiver.url } })).id;

  it('runs jobs, shows its health, and ends with 0 on SIGTERM once what runs has ended', async () => {
    const [arrived, door] = [new Latch(), new Latch()];
    receiver.answer = (_request, response) => {
      arrived.open();
      void door.wait().then(() => response.end('done'));
    };
    const node = start(onRedis);
    const address = await ready(node);
    expect(await (await fetch(`${address}/health`)).json()).toMatchObject({ mode: 'redis' });
    const id = await addDelivery();
    await arrived.wait();
    node.signal('SIGTERM');
    await node.waitForLine(/shutting down/);
    // It says so while it drains, so that nothing new is sent its way.
    await eventually(async () => expect((await fetch(`${address}/health/ready`)).status).toBe(503));
    expect((await fetch(`${address}/health/live`)).status).toBe(200);
    door.open();
    expect(await node.exited).toEqual({ code: 0, signal: null });
    expect(await runtime.parts.queues.queues.get('http-delivery', id)).toMatchObject({ state: 'completed' });
    expect(node.lines.join('\n')).toContain('"bye"');
  });

  it('hands back what does not end within SHUTDOWN_TIMEOUT, and leaves no job active', async () => {
    const arrived = new Latch();
    receiver.answer = arrived.open;
    const node = start({ ...onRedis, SHUTDOWN_TIMEOUT: '3000' });
    await ready(node);
    const id = await addDelivery();
    await arrived.wait();
    expect(await node.kill('SIGINT')).toEqual({ code: 0, signal: null });
    expect((await runtime.parts.queues.queues.summary('http-delivery')).counts).toMatchObject({
      active: 0,
      prioritized: 1,
    });

    // The next worker takes it up at once.
    receiver.reset();
    const next = start(onRedis);
    await ready(next);
    expect(await runtime.parts.queues.queues.get('http-delivery', id, { waitMs: 30_000 })).toMatchObject({
      state: 'completed',
    });
    await next.kill('SIGTERM');
  });

  it('ends at once on a second signal', async () => {
    const arrived = new Latch();
    receiver.answer = arrived.open;
    const node = start({ ...onRedis, SHUTDOWN_TIMEOUT: '60000', REDIS_KEY_PREFIX: `${prefix}-second` });
    await ready(node);
    const other = await createRuntime(
      loadConfig({ cwd, env: { ...onRedis, REDIS_KEY_PREFIX: `${prefix}-second` }, parts: configParts(modules) }),
      {
        modules,
      },
    );
    await other.parts.queues.queues.add('http-delivery', { data: { url: receiver.url } });
    await arrived.wait();
    node.signal('SIGTERM');
    await node.waitForLine(/shutting down/);
    node.signal('SIGTERM');
    expect(await node.exited).toEqual({ code: 1, signal: null });
    expect(node.lines.join('\n')).toContain('second signal');
    await other.close();
  });

  it('sends next to nothing while it is idle and has the low-cost profile', async () => {
    const redis = await startRedis();
    const node = start({ ...onRedis, REDIS_URL: redis.url, HOLDFAST_PROFILE: 'low-cost' });
    await ready(node);
    const watch = await monitor(redis.url);
    // Until both queues have begun to wait.
    const blocked = async (): Promise<number> =>
      String(await redis.command('CLIENT', 'LIST')).split('cmd=bzpopmin').length - 1;
    await eventually(async () => expect(await blocked()).toBe(2));
    await watch.settle();
    watch.reset();
    const startedAt = performance.now();
    await delay(4000);
    await watch.settle();
    const windows = (performance.now() - startedAt) / 4000;
    // One heartbeat a queue, one look for what has to go, and one probe may fall into that time.
    expect(watch.count()).toBeLessThanOrEqual(Math.ceil(6 * windows));
    await node.kill('SIGTERM');
    await watch.stop();
    await redis.stop();
  });

  it('refuses embedded mode, and says where the worker is then', async () => {
    const node = start({ WORKER_PORT: '0' });
    expect(await node.exited).toEqual({ code: 78, signal: null });
    expect(node.lines.join('\n')).toContain('Without a Redis the worker runs inside the API process');
  });

  it('is not asked for API keys because HOST is set: it opens no API', async () => {
    const node = start({ ...onRedis, HOST: '0.0.0.0', REDIS_KEY_PREFIX: `${prefix}-host` });
    expect((await fetch(`${await ready(node)}/health/live`)).status).toBe(200);
    await node.kill('SIGTERM');
  });

  it('lists everything that is wrong with the configuration', async () => {
    const node = start({ ...onRedis, WORKER_PORT: 'any', MAX_CONCURRENT_JOBS: '0' });
    expect(await node.exited).toEqual({ code: 1, signal: null });
    const output = node.lines.join('\n');
    expect(output).toContain('WORKER_PORT');
    expect(output).toContain('MAX_CONCURRENT_JOBS');
    expect(output).not.toMatch(/^\s+at /m);
  });

  it('does not start without Redis while fallback is off, within the time to connect', async () => {
    const node = start({
      ...onRedis,
      REDIS_URL: `redis://127.0.0.1:${await closedPort()}`,
      REDIS_ENABLE_FALLBACK: 'false',
      REDIS_CONNECTION_TIMEOUT_MS: '500',
    });
    expect(await node.exited).toEqual({ code: 69, signal: null });
    expect(node.lines.join('\n')).toMatch(/REDIS_ENABLE_FALLBACK=false\): nothing listens at redis:/);
  });

  it('starts without Redis while fallback is on, and can be stopped', async () => {
    const node = start({ ...onRedis, REDIS_URL: `redis://127.0.0.1:${await closedPort()}` });
    const address = await ready(node);
    const answer = await fetch(`${address}/health/ready`);
    expect([answer.status, await answer.json()]).toMatchObject([200, { status: 'degraded' }]);
    expect(await node.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
