import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startUpstream } from '@holdfast/example-upstream';
import { eventually, spawnNode } from '@holdfast/testing';
import type { SpawnedNode } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** One process without any Redis: API, worker, and a queue on disk. */
describe('embedded mode', () => {
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-embedded-'));
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let node: SpawnedNode;
  let address: string;

  const start = async (): Promise<void> => {
    node = spawnNode(new URL('../src/server.ts', import.meta.url), {
      cwd,
      env: { PORT: '0', NOVITA_API_BASE_URL: upstream.url },
    });
    [, address = ''] = await node.waitForLine(/"address":"([^"]+)".*"ready"/);
  };
  const json = async (path: string, init?: RequestInit): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${address}${path}`, init);
    return (await answer.json()) as Record<string, unknown>;
  };

  beforeAll(async () => {
    upstream = await startUpstream({ port: 0, latencyMs: 5 });
    await start();
  });
  afterAll(async () => {
    await node.kill();
    await upstream.close();
  });

  it('shows its workers on the board', async () => {
    const { queues } = (await json('/admin/queues/api/queues')) as unknown as {
      queues: { name: string; hasWorkers: boolean }[];
    };
    expect(queues.length).toBeGreaterThan(1);
    expect(queues.filter(({ hasWorkers }) => !hasWorkers)).toEqual([]);
    const { workers } = (await json('/admin/queues/api/queues/source-sync/workers')) as { workers: unknown[] };
    expect(workers).toEqual([expect.objectContaining({ addr: 'this-process' })]);
  });

  it('shows its store as there, which tells so once, when it is opened', async () => {
    const metrics = await (await fetch(`${address}/metrics`)).text();
    expect(metrics).toMatch(/^holdfast_queue_store_up 1$/m);
  });

  it('mirrors the sources at start and serves them', async () => {
    const source = await eventually(
      async () => {
        const state = await json('/v1/sources/instances');
        expect(state).toMatchObject({ healthy: true, nextSync: expect.any(String) });
        return state;
      },
      { intervalMs: 50 },
    );
    expect(source['items']).toBeGreaterThanOrEqual(500);
    const { items } = (await json('/v1/sources/instances/items?limit=1')) as { items: { id: string }[] };
    const [first] = items;
    const item = await fetch(`${address}/v1/sources/instances/items/${first?.id}`);
    expect(item.headers.get('cache-status')).toBe('holdfast; hit; detail=l2');
    expect(await item.json()).toEqual(first);
    expect(await json('/health')).toMatchObject({ status: 'ok', mode: 'embedded' });
  });

  it('keeps a job and its result over a kill -9', async () => {
    const { jobId } = await json('/v1/sources/products/sync', { method: 'POST' });
    const path = `/v1/queues/source-sync/jobs/${String(jobId)}`;
    const before = await json(`${path}?wait=30s`);
    expect(before).toMatchObject({ state: 'completed', data: { source: 'products' } });
    await node.kill('SIGKILL');
    await start();
    expect(await json(path)).toEqual(before);
  });

  it('ends cleanly on SIGINT', async () => {
    expect(await node.kill('SIGINT')).toEqual({ code: 0, signal: null });
  });
});
