import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, modules } from '@holdfast/modules';
import { createRuntime } from '@holdfast/runtime';
import { eventually, Latch, spawnNode, uniquePrefix, useRedis, startReceiver } from '@holdfast/testing';
import type { SpawnedNode } from '@holdfast/testing';
import { expect, it } from 'vitest';

const main = new URL('../src/main.ts', import.meta.url);

it('tells of a failure again when the worker was killed while it told', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-notice-crash-'));
  const env = {
    REDIS_URL: useRedis().url,
    REDIS_KEY_PREFIX: uniquePrefix('notice-crash'),
    WORKER_PORT: '0',
    WORKER_QUEUES: 'http-delivery',
    HTTP_DELIVERY_ALLOW_PRIVATE: 'true',
  };
  const start = async (): Promise<SpawnedNode> => {
    const node = spawnNode(main, { cwd, env });
    await node.waitForLine(/"ready"/);
    return node;
  };
  const receiver = await startReceiver();
  const runtime = await createRuntime(loadConfig({ cwd, env, parts: configParts(modules) }), { modules });
  const telling = new Latch();
  receiver.answer = ({ path }, response) => {
    // The first worker hears of its delivery, and does not live to hear of its notice.
    if (path === '/hook') response.writeHead(410).end();
    else if (telling.isOpen) response.writeHead(204).end();
    else telling.open();
  };
  const first = await start();
  const data = { url: `${receiver.url}/hook`, failureUrl: `${receiver.url}/failed` };
  const { id } = await runtime.parts.queues.queues.add('http-delivery', { data });
  await telling.wait();
  expect(await runtime.parts.queues.queues.get('http-delivery', id)).toMatchObject({ state: 'active' });
  await first.kill('SIGKILL');

  const second = await start();
  await eventually(
    async () => expect(await runtime.parts.queues.queues.get('http-delivery', id)).toMatchObject({ state: 'failed' }),
    { intervalMs: 100 },
  );
  const notices = receiver.received.filter(({ path }) => path === '/failed');
  expect(notices.map(({ headers }) => headers['webhook-id'])).toEqual(
    Array.from({ length: 2 }, () => `http-delivery:${id}:failure`),
  );
  await second.kill('SIGTERM');
  await runtime.close();
  await receiver.close();
});
