import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Consumer, createRedisBackend, type QueueDefinition } from '@holdfast/queue';
import { httpDelivery } from '@holdfast/jobs';
import { eventually, spawnNode, startRedis, type RedisServer, type SpawnedNode } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patientProbe } from './fixture.ts';

const server = new URL('../src/server.ts', import.meta.url);

describe('a service that is killed while Redis is away, and while it forwards', () => {
  let redis: RedisServer;
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-outbox-'));

  beforeAll(async () => {
    redis = await startRedis({ args: ['--appendonly', 'yes'] });
    // Nothing is kept of a job that has run: its id alone would not protect it from running again.
    writeFileSync(
      join(cwd, 'holdfast.yaml'),
      'queues:\n  http-delivery:\n    retention:\n      completed: { count: 1 }\n',
    );
  });
  afterAll(async () => {
    await redis.stop();
    rmSync(cwd, { recursive: true, force: true });
  });

  const start = async (): Promise<{ node: SpawnedNode; url: (path: string) => URL }> => {
    const node = spawnNode(server, { cwd, env: { ...patientProbe, PORT: '0', REDIS_URL: redis.url } });
    const [, address = ''] = await node.waitForLine(/"address":"([^"]+)".*"ready"/);
    return { node, url: (path) => new URL(path, address) };
  };
  const data = { url: 'https://example.com/hook' };
  const send = async (url: URL, payload: object): Promise<{ status: number; body: unknown }> => {
    const body = JSON.stringify(payload);
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return { status: answer.status, body: await answer.json() };
  };
  const post = async (url: URL, jobId: string): Promise<number> =>
    (await send(url, { data, options: { jobId } })).status;

  it('runs every job that it acknowledged, once', async () => {
    const acknowledged: string[] = [];
    const first = await start();
    const path = first.url('/v1/queues/http-delivery/jobs');
    await eventually(async () => expect(await post(path, `before-${acknowledged.length}`)).toBe(201));
    await redis.kill();
    let next = 0;
    const statuses = new Set<number>();
    const itemStates = new Set<string>();
    const caller = async (): Promise<void> => {
      for (;;) {
        const jobId = `job-${(next += 1)}`;
        const status = await post(path, jobId).catch(() => undefined);
        if (status === undefined) return;
        statuses.add(status);
        if (status < 300) acknowledged.push(jobId);
      }
    };
    const manyAtOnce = async (): Promise<void> => {
      for (;;) {
        const jobs = Array.from({ length: 40 }, () => ({ data, options: { jobId: `job-${(next += 1)}` } }));
        const answer = await send(new URL(`${path.href}/bulk`), { jobs }).catch(() => undefined);
        if (answer === undefined) return;
        const { items } = answer.body as { items: { id: string; status: string; state?: string }[] };
        acknowledged.push(...items.map(({ id }) => id));
        for (const { status, state } of items) itemStates.add(`${answer.status} ${status} ${state}`);
      }
    };
    const callers = Promise.all([manyAtOnce(), ...Array.from({ length: 31 }, caller)]);
    await eventually(() => expect(acknowledged.length).toBeGreaterThan(1000));
    await first.node.kill('SIGKILL');
    await callers;
    expect([...statuses]).toEqual([202]);
    expect([...itemStates]).toEqual(['200 accepted outbox']);

    await redis.start();
    const runs = new Map<string, number>();
    const backend = createRedisBackend({ target: { kind: 'standalone', host: '127.0.0.1', port: redis.port } });
    const consumer = new Consumer<QueueDefinition>({
      backend,
      definition: { ...httpDelivery, concurrency: 50 },
      handler: async ({ id }) => void runs.set(id, (runs.get(id) ?? 0) + 1),
    });
    await consumer.start();
    const allRan = (): boolean => acknowledged.every((id) => runs.has(id));
    for (let life = 0; life < 2 && !allRan(); life += 1) {
      const before = runs.size;
      const node = spawnNode(server, { cwd, env: { ...patientProbe, PORT: '0', REDIS_URL: redis.url } });
      // As soon as it has begun to forward.
      await eventually(() => expect(runs.size > before || allRan()).toBe(true), { intervalMs: 1 });
      await node.kill('SIGKILL');
    }
    const last = await start();
    await eventually(async () => {
      const { outbox } = (await (await fetch(last.url('/health'))).json()) as { outbox: object };
      expect(outbox).toMatchObject({ waiting: 0, setAside: 0 });
    });
    await eventually(() => expect(acknowledged.filter((id) => !runs.has(id))).toEqual([]));
    expect([...runs].filter(([, count]) => count > 1)).toEqual([]);
    expect(await last.node.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await consumer.close({ timeoutMs: 2000 });
    await backend.close();
  });
});
