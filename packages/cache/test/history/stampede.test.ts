import { type RedisServer, type SpawnedNode, spawnNode, startRedis, uniquePrefix } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { StampedeTask } from './stampede-worker.ts';

describe('one key, asked for by four processes at once', () => {
  let server: RedisServer;
  let processes: SpawnedNode[] = [];
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    await Promise.all(processes.map((one) => one.kill()));
  });

  /** Four processes that ask 50 times each, as soon as all are ready. Resolves once all have asked. */
  async function start(task: Pick<StampedeTask, 'leaseMs' | 'before'>): Promise<void> {
    const { host, port } = server;
    const args = [JSON.stringify({ ...task, host, port, prefix: uniquePrefix(), calls: 50 } satisfies StampedeTask)];
    processes = [1, 2, 3, 4].map(() => spawnNode(new URL('stampede-worker.ts', import.meta.url), { args }));
    await Promise.all(processes.map((one) => one.waitForLine(/^ready$/)));
    for (const one of processes) one.signal('SIGUSR2');
    await Promise.all(processes.map((one) => one.waitForLine(/^asked$/)));
  }

  const loading = async (among: readonly SpawnedNode[]): Promise<SpawnedNode> =>
    Promise.race(among.map((one) => one.waitForLine(/^loading$/).then(() => one)));
  /** Lets the loader of a process end, and replies what the callers of these processes got. */
  async function finish(loader: SpawnedNode, among: readonly SpawnedNode[]): Promise<(string | undefined)[]> {
    loader.signal('SIGHUP');
    return Promise.all(among.map(async (one) => (await one.waitForLine(/^got (.*)$/))[1]));
  }

  const loads = (): number => processes.flatMap(({ lines }) => lines).filter((line) => line === 'loading').length;

  test('runs the loader once, and all 200 callers get its value', async () => {
    await start({ leaseMs: 60_000, before: 'nothing' });
    const loader = await loading(processes);
    expect(new Set(await finish(loader, processes))).toEqual(new Set([String(loader.pid)]));
    expect(loads()).toBe(1);
  });

  test('runs the loader once where the entry is over, and all 200 callers get its value', async () => {
    await start({ leaseMs: 60_000, before: 'expired' });
    const loader = await loading(processes);
    expect(new Set(await finish(loader, processes))).toEqual(new Set([String(loader.pid)]));
    expect(loads()).toBe(1);
  });

  test('runs the loader once where the entry is stale, which all 200 callers are served', async () => {
    await start({ leaseMs: 60_000, before: 'stale' });
    const loader = await loading(processes);
    const got = await Promise.all(processes.map(async (one) => (await one.waitForLine(/^got (.*)$/))[1]));
    expect(new Set(got)).toEqual(new Set(['old']));
    loader.signal('SIGHUP');
    await Promise.all(processes.map((one) => one.waitForLine(new RegExp(`^then ${loader.pid}$`))));
    expect(loads()).toBe(1);
  });

  test('another process takes over when the lease has ended, as the one that loads is killed', async () => {
    await start({ leaseMs: 2000, before: 'nothing' });
    const first = await loading(processes);
    const others = processes.filter((one) => one !== first);
    await first.kill('SIGKILL');
    const second = await loading(others);
    expect(new Set(await finish(second, others))).toEqual(new Set([String(second.pid)]));
    expect(loads()).toBe(2);
  });
});
