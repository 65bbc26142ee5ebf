import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, modules } from '@holdfast/modules';
import { createRuntime, type Runtime } from '@holdfast/runtime';
import { closedPort, eventually, spawnNode, uniquePrefix, useRedis } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const script = new URL('../src/forward.ts', import.meta.url);

describe('forwarding what a dead process has left', () => {
  let folder: string;
  let prefix: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-forward-'));
    prefix = uniquePrefix('forward');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A process without its Redis. */
  const cutOff = async (): Promise<Runtime> => {
    const url = `redis://127.0.0.1:${await closedPort()}`;
    const env = { NODE_ENV: 'test', REDIS_URL: url, REDIS_KEY_PREFIX: prefix, HOLDFAST_DATA_DIR: folder };
    return createRuntime(loadConfig({ cwd: folder, env, parts: configParts(modules) }), {
      modules,
      usesFallback: true,
    });
  };
  const forward = async (url: string, ...args: string[]) => forwardWith({ REDIS_URL: url }, ...args);
  const forwardWith = async (env: Readonly<Record<string, string>>, ...args: string[]) => {
    const node = spawnNode(script, { args, cwd: folder, env: { REDIS_KEY_PREFIX: prefix, ...env } });
    const { code } = await node.exited;
    return { code, output: node.lines.join('\n') };
  };

  it('hands its jobs over, in their order, once no process uses the folder', async () => {
    const runtime = await cutOff();
    for (const jobId of ['one', 'two', 'three']) {
      const added = await runtime.parts.queues.queues.add('http-delivery', {
        data: { url: 'https://example.com/' },
        options: { jobId },
      });
      expect(added).toMatchObject({ state: 'outbox' });
    }
    await runtime.parts.cache.caches.get('prompts').set('key', 'value');
    expect(await forward(useRedis().url, folder)).toMatchObject({
      code: 1,
      output: expect.stringMatching(/another process has it open/) as unknown,
    });
    await runtime.close();

    expect(await forward(useRedis().url, folder)).toEqual({ code: 0, output: 'forwarded 3, waiting 0, set aside 0' });
    const env = { NODE_ENV: 'test', REDIS_URL: useRedis().url, REDIS_KEY_PREFIX: prefix, HOLDFAST_DATA_DIR: folder };
    const next = await createRuntime(loadConfig({ cwd: folder, env, parts: configParts(modules) }), { modules });
    const ids = await eventually(async () => {
      const handle = next.parts.queues.backend.open('http-delivery');
      return handle.call(async (queue) => (await queue.getPrioritized()).map(({ id }) => id));
    });
    expect(ids).toEqual(['one', 'two', 'three']);
    await next.close();
  });

  it('says what is still there when Redis is not, and makes no outbox of a name that was mistyped', async () => {
    const runtime = await cutOff();
    await runtime.parts.queues.queues.add('http-delivery', { data: { url: 'https://example.com/' } });
    await runtime.close();
    const away = `redis://127.0.0.1:${await closedPort()}`;
    const { code, output } = await forwardWith(
      { REDIS_URL: away, REDIS_COMMAND_TIMOUT: '1000' },
      folder,
      '--timeout',
      '1s',
    );
    expect(code).toBe(1);
    expect(output).toMatch(/^forwarded 0, waiting 1, set aside 0$/m);
    expect(output).toMatch(/^Redis is away: nothing listens at redis:\/\/127\.0\.0\.1:\d+.*\.$/m);
    expect(output).toMatch(/REDIS_COMMAND_TIMOUT.*did you mean/);
    expect(await forward(away, join(folder, 'mistyped'))).toMatchObject({
      code: 1,
      output: expect.stringMatching(/There is no outbox in .*mistyped/) as unknown,
    });
    expect(await forward(away)).toMatchObject({ code: 1, output: expect.stringMatching(/^Usage/) as unknown });
  });
});
