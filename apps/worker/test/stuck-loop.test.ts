import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRedisBackend, defineQueue, Queues } from '@holdfast/queue';
import { eventually, redisCommand, spawnNode, uniquePrefix, useRedis } from '@holdfast/testing';
import { expect, it } from 'vitest';

const definition = {
  name: 'numbers',
  description: 'Its jobs compute.',
  attempts: 1,
  timeoutMs: 1000,
  concurrency: 1,
  retention: { completed: { count: 10 }, failed: { count: 10 } },
};
const queueFile = `
  import { defineQueue } from '@holdfast/queue';
  import { Type } from 'typebox';
  export default defineQueue({ ...${JSON.stringify(definition)}, payload: Type.Object({ until: Type.String() }) });`;

/** Keeps the event loop until a file is there. */
const handler = `
  import { existsSync } from 'node:fs';
  export default (job) => {
    while (!existsSync(job.data.until));
    return 'ok';
  };`;

it('a worker whose job keeps the event loop for longer than it may is killed after a line in its log, and that is a crash', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-stuck-loop-'));
  writeFileSync(join(cwd, 'holdfast.yaml'), "handlers: ['./*.queue.ts', './*.handler.mjs']\n");
  writeFileSync(join(cwd, 'numbers.queue.ts'), queueFile);
  writeFileSync(join(cwd, 'numbers.handler.mjs'), handler);
  const { url, host, port } = useRedis();
  const keyPrefix = uniquePrefix('stuck-loop');
  const env = { REDIS_URL: url, REDIS_KEY_PREFIX: keyPrefix, WORKER_PORT: '0', WORKER_QUEUES: 'numbers' };
  const main = new URL('../src/main.ts', import.meta.url);
  const node = spawnNode(main, { cwd, env });
  await node.waitForLine(/"ready"/);
  const backend = createRedisBackend({ target: { kind: 'standalone', host, port }, keyPrefix: `${keyPrefix}:jobs` });
  const queues = new Queues({ backend, definitions: [defineQueue({ ...definition, payload: {} })] });
  const until = join(cwd, 'done');
  const { id } = await queues.add('numbers', { data: { until } });
  await node.waitForLine(/"level":"fatal".*"limitMs":10000,"queues":\["numbers"\].*kept the event loop.*killed/);
  expect(await node.exited).toEqual({ code: null, signal: 'SIGKILL' });
  writeFileSync(until, '');
  const next = spawnNode(main, { cwd, env });
  await next.waitForLine(/"ready"/);
  await eventually(async () =>
    expect(await queues.get('numbers', id)).toMatchObject({ state: 'completed', result: 'ok' }),
  );
  expect(await redisCommand(url, 'HGET', `${keyPrefix}:jobs:{numbers}:numbers:${id}`, 'hf:crashes')).toBe('1');
  expect(await next.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  await queues.close();
}, 240_000);
