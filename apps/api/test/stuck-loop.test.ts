import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, spawnNode } from '@holdfast/testing';
import { expect, it } from 'vitest';

const queueFile = `
  import { defineQueue } from '@holdfast/queue';
  import { Type } from 'typebox';
  export default defineQueue({
    name: 'numbers', description: 'Its jobs compute.', attempts: 1, timeoutMs: 1000, concurrency: 1,
    retention: { completed: { count: 10 }, failed: { count: 10 } }, payload: Type.Object({ until: Type.String() }),
  });`;

/** Keeps the event loop until a file is there. */
const handler = `
  import { existsSync } from 'node:fs';
  export default (job) => {
    while (!existsSync(job.data.until));
    return 'ok';
  };`;

it('embedded, a job that keeps the event loop for longer than it may is told by the log at once, and by /health after it', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-stuck-loop-'));
  writeFileSync(join(cwd, 'holdfast.yaml'), "handlers: ['./*.queue.ts', './*.handler.mjs']\n");
  writeFileSync(join(cwd, 'numbers.queue.ts'), queueFile);
  writeFileSync(join(cwd, 'numbers.handler.mjs'), handler);
  const node = spawnNode(new URL('../src/server.ts', import.meta.url), { cwd, env: { PORT: '0' } });
  const [, address = ''] = await node.waitForLine(/"address":"([^"]+)".*"ready"/);
  const json = async (path: string, init?: RequestInit): Promise<Record<string, unknown>> =>
    (await (await fetch(`${address}${path}`, init)).json()) as Record<string, unknown>;
  expect(await json('/health')).not.toHaveProperty('queues.stuckLoop');
  const until = join(cwd, 'done');
  const { id } = await json('/v1/queues/numbers/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ data: { until } }),
  });
  await node.waitForLine(/"level":"error".*"service":"api".*"limitMs":10000.*keeps the event loop/);
  writeFileSync(until, '');
  await eventually(async () =>
    expect(await json('/health')).toMatchObject({
      status: 'degraded',
      queues: { stuckLoop: { endedAt: expect.any(String), limitMs: 10_000 } },
    }),
  );
  await eventually(async () =>
    expect(await json(`/v1/queues/numbers/jobs/${String(id)}`)).toMatchObject({ state: 'completed', attemptsMade: 1 }),
  );
  expect(await node.kill('SIGTERM')).toEqual({ code: 0, signal: null });
});
