import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, modules } from '@holdfast/modules';
import { createRuntime, type Runtime } from '@holdfast/runtime';
import { createKeys } from '@holdfast/redis-core';
import {
  closedPort,
  eventually,
  redisCommand,
  spawnNode,
  uniquePrefix,
  useRedis,
  type PlainReply,
} from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const hasSqlite = spawnSync('sqlite3', ['--version']).status === 0;
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
    const id = runtime.folder?.own?.id ?? '';
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

    const { url } = useRedis();
    const notes = createKeys(prefix).folders();
    const note = { host: 'gone', path: folder, volume: { kind: 'disk' }, since: 0, aliveAt: 0, waiting: 3 };
    await redisCommand(url, 'HSET', notes, id, JSON.stringify(note), 'another', JSON.stringify(note));
    expect(await forward(url, folder)).toEqual({ code: 0, output: 'forwarded 3, waiting 0, set aside 0' });
    expect(await redisCommand(url, 'HKEYS', notes)).toEqual(['another']);
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

  it('leaves a file alone that was damaged, says so, and has Redis know of the folder', async () => {
    const runtime = await cutOff();
    const id = runtime.folder?.own?.id ?? '';
    await runtime.close();
    writeFileSync(join(folder, 'outbox.db'), 'damaged '.repeat(1000));
    const { url } = useRedis();
    const notes = createKeys(prefix).folders();
    await redisCommand(url, 'HSET', notes, id, '{}');
    expect(await forward(url, folder)).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^damaged, and not forwarded: outbox\.db\.damaged-\S+$/m) as unknown,
    });
    expect(await redisCommand(url, 'HKEYS', notes)).toEqual([id]);
  });

  it.runIf(hasSqlite)(
    'hands over what can be read of a damaged outbox, by the lines of the guide (needs sqlite3)',
    async () => {
      const runtime = await cutOff();
      const { queues } = runtime.parts.queues;
      const jobs = Array.from({ length: 300 }, (_, at) => ({
        data: { url: `https://example.com/${'x'.repeat(500)}` },
        options: { jobId: `job-${at}` },
      }));
      expect((await queues.addMany('http-delivery', jobs)).items.map(({ state }) => state)).toEqual(
        jobs.map(() => 'outbox'),
      );
      await runtime.close();
      const file = openSync(join(folder, 'outbox.db'), 'r+');
      writeSync(file, Buffer.alloc(4096 * 4, 0x5a), 0, 4096 * 4, 4096 * 30);
      closeSync(file);
      const { url } = useRedis();
      expect(await forward(url, folder)).toMatchObject({ code: 1 });
      const page = readFileSync(new URL('../../../docs/guide/alerts.md', import.meta.url), 'utf8');
      const [, lines = ''] = /```sh\n(mkdir recovered\n.*?)```/s.exec(page) ?? [];
      execFileSync('sh', ['-uc', lines], { cwd: folder, stdio: ['ignore', 'ignore', 'ignore'] });
      const { code, output } = await forward(url, join(folder, 'recovered'));
      expect(code).toBe(0);
      const forwarded = Number(/^forwarded (\d+), waiting 0, set aside 0$/.exec(output)?.[1]);
      expect(forwarded).toBeGreaterThan(200);
      expect(forwarded).toBeLessThan(300);
    },
  );

  it('lists the folders that Redis knows of, and forgets one that is gone for good', async () => {
    const { url } = useRedis();
    const redis = async (...command: string[]): Promise<PlainReply> => redisCommand(url, ...command);
    const key = createKeys(prefix).folders();
    const path = '/var/lib/holdfast';
    const note = {
      host: 'api-1',
      path,
      volume: { kind: 'claim', claim: 'data-api-1' },
      since: 0,
      aliveAt: 0,
      waiting: 3,
    };
    const living = { ...note, host: 'api-0', volume: { kind: 'ephemeral' }, aliveAt: Date.now() };
    await redis('HSET', key, 'gone', JSON.stringify(note), 'living', JSON.stringify(living));

    const { code, output } = await forward(url, '--list');
    expect(code).toBe(0);
    expect(output.split('\n')).toEqual([
      'abandoned: gone api-1:/var/lib/holdfast (claim data-api-1), 3 waiting at 1970-01-01T00:00:00.000Z',
      expect.stringMatching(/^in use: living api-0:\/var\/lib\/holdfast \(ephemeral\), 3 waiting at 20/),
    ]);
    expect(await forward(url, '--forget', 'gone')).toEqual({ code: 0, output: 'forgotten: gone' });
    expect(await forward(url, '--forget', 'gone')).toEqual({ code: 1, output: 'Redis knows of no folder gone.' });
    expect(await redis('HKEYS', key)).toEqual(['living']);
    expect(await forward(url, '--list', folder)).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^Usage/) as unknown,
    });
  });
});
