import { type RedisServer, type SpawnedNode, spawnNode, startRedis, uniquePrefix } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { StampedeTask } from './stampede-worker.ts';

describe('one cold key, asked for by four processes at once', () => {
  let server: RedisServer;
  let processes: SpawnedNode[] = [];
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    await Promise.all(processes.map((one) => one.kill()));
  });

  /** Four processes that ask 50 times each, as soon as all are ready. */
  async function start(task: Pick<StampedeTask, 'loaderMs' | 'leaseMs'>): Promise<void> {
    const { host, port } = server;
    const args = [JSON.stringify({ ...task, host, port, prefix: uniquePrefix(), calls: 50 } satisfies StampedeTask)];
    processes = [1, 2, 3, 4].map(() => spawnNode(new URL('stampede-worker.ts', import.meta.url), { args }));
    await Promise.all(processes.map((one) => one.waitForLine(/^ready$/)));
    for (const one of processes) one.signal('SIGUSR2');
  }

  const loads = (): number => processes.flatMap(({ lines }) => lines).filter((line) => line === 'loading').length;

  test('runs the loader once, and all 200 callers get its value', async () => {
    await start({ loaderMs: 300, leaseMs: 2000 });
    const values = await Promise.all(processes.map(async (one) => (await one.waitForLine(/^got (.*)$/))[1]));
    expect(new Set(values).size).toBe(1);
    expect(loads()).toBe(1);
  });

  test('another process takes over within the lease time when the one that loads is killed', async () => {
    const leaseMs = 1500;
    await start({ loaderMs: 700, leaseMs });
    const loading = await Promise.race(processes.map((one) => one.waitForLine(/^loading$/).then(() => one)));
    const others = processes.filter((one) => one !== loading);
    const killedAt = performance.now();
    await loading.kill('SIGKILL');
    await Promise.race(others.map((one) => one.waitForLine(/^loading$/)));
    // The lease may have been renewed right before the kill; beyond it, Redis notices an expiry ten times a second.
    expect(performance.now() - killedAt).toBeLessThan(leaseMs + 500);
    const values = await Promise.all(others.map(async (one) => (await one.waitForLine(/^got (.*)$/))[1]));
    expect(new Set(values).size).toBe(1);
    expect(values[0]).not.toBe(String(loading.pid));
    expect(loads()).toBe(2);
  });
});
