import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRedisBackend, defineQueue, Queues } from '@holdfast/queue';
import { eventually, spawnNode, uniquePrefix, useRedis } from '@holdfast/testing';
import { expect, it } from 'vitest';

const definition = {
  name: 'numbers',
  description: 'Its jobs compute.',
  attempts: 1,
  timeoutMs: 120_000,
  concurrency: 1,
  retention: { completed: { count: 10 }, failed: { count: 10 } },
};
const queueFile = `
  import { defineQueue } from '@holdfast/queue';
  import { Type } from 'typebox';
  export default defineQueue({ ...${JSON.stringify(definition)}, payload: Type.Object({ until: Type.String() }) });`;

/** Keeps the event loop until a file is there. */
const handler = `
  import { existsSync, writeSync } from 'node:fs';
  export default (job) => {
    writeSync(1, 'the loop is kept\\n');
    while (!existsSync(job.data.until));
    return 'ok';
  };`;

it('a worker whose job keeps the event loop is alive, not ready after ten seconds, and completes its job', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-blocked-loop-'));
  writeFileSync(join(cwd, 'holdfast.yaml'), "handlers: ['./*.queue.ts', './*.handler.mjs']\n");
  writeFileSync(join(cwd, 'numbers.queue.ts'), queueFile);
  writeFileSync(join(cwd, 'numbers.handler.mjs'), handler);
  const env = {
    REDIS_URL: useRedis().url,
    REDIS_KEY_PREFIX: uniquePrefix('blocked-loop'),
    WORKER_PORT: '0',
    WORKER_QUEUES: 'numbers',
  };
  const node = spawnNode(new URL('../src/main.ts', import.meta.url), { cwd, env });
  const [, address = ''] = await node.waitForLine(/"health":"([^"]+)".*"ready"/);
  const statusOf = async (path: string): Promise<number> => (await fetch(`${address}${path}`)).status;
  expect(await statusOf('/health/ready')).toBe(200);

  const { host, port } = useRedis();
  const backend = createRedisBackend({
    target: { kind: 'standalone', host, port },
    keyPrefix: `${env.REDIS_KEY_PREFIX}:jobs`,
  });
  const queues = new Queues({ backend, definitions: [defineQueue({ ...definition, payload: {} })] });
  const until = join(cwd, 'done');
  const { id } = await queues.add('numbers', { data: { until } });
  await node.waitForLine(/the loop is kept/);
  expect([await statusOf('/health/live'), await statusOf('/health/ready')]).toEqual([200, 200]);
  await eventually(async () => expect(await statusOf('/health/ready')).toBe(503));
  expect(await statusOf('/health/live')).toBe(200);

  writeFileSync(until, '');
  expect(await queues.get('numbers', id, { waitMs: 30_000 })).toMatchObject({ state: 'completed', result: 'ok' });
  await eventually(async () => expect(await statusOf('/health/ready')).toBe(200));
  expect(await node.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  await queues.close();
});
