import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, spawnNode, startRedis, type RedisServer, type SpawnedNode } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patientProbe } from './fixture.ts';

const server = new URL('../src/server.ts', import.meta.url);
const command = new URL('../src/forward.ts', import.meta.url);

describe('the data folder of a process, in the durable Redis', () => {
  let redis: RedisServer;
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-noted-'));
  beforeAll(async () => {
    redis = await startRedis({ args: ['--appendonly', 'yes'] });
  });
  afterAll(async () => {
    await redis.stop();
    rmSync(cwd, { recursive: true, force: true });
  });

  const env = (): Record<string, string> => ({ REDIS_URL: redis.url, HOLDFAST_DATA_VOLUME: 'claim:data-0' });
  const start = async (): Promise<{ node: SpawnedNode; url: (path: string) => URL }> => {
    const node = spawnNode(server, { cwd, env: { ...patientProbe, ...env(), PORT: '0' } });
    const [, address = ''] = await node.waitForLine(/"address":"([^"]+)".*"ready"/);
    return { node, url: (path) => new URL(path, address) };
  };
  const noted = async (): Promise<unknown[]> => {
    const fields = (await redis.command('HGETALL', 'holdfast:folders')) as string[];
    return fields.filter((_, at) => at % 2 === 1).map((note) => JSON.parse(note) as unknown);
  };
  const addJob = async (url: URL): Promise<number> => {
    const body = JSON.stringify({ data: { url: 'https://example.com/hook' } });
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    await answer.text();
    return answer.status;
  };

  it('is noted from the start on, and forgotten when the process ends with an empty one', async () => {
    const { node, url } = await start();
    const note = { path: join(cwd, '.holdfast'), volume: { kind: 'claim', claim: 'data-0' }, waiting: 0 };
    await eventually(async () => expect(await noted()).toMatchObject([note]));
    const health = await (await fetch(url('/health'))).json();
    expect(health).toMatchObject({ status: 'ok', disk: { status: 'well', volume: 'claim', claim: 'data-0' } });
    expect(await node.kill('SIGTERM')).toMatchObject({ code: 0 });
    expect(await noted()).toEqual([]);
  });

  it('stays noted where something is left in it, until that was forwarded', async () => {
    const { node, url } = await start();
    await eventually(async () => expect(await noted()).toHaveLength(1));
    await redis.kill();
    await eventually(async () => expect(await addJob(url('/v1/queues/http-delivery/jobs'))).toBe(202));
    await node.kill('SIGTERM');
    await redis.start();
    expect(await noted()).toHaveLength(1);
    const forward = spawnNode(command, { cwd, args: ['.holdfast'], env: env() });
    expect(await forward.exited).toMatchObject({ code: 0 });
    expect(forward.lines).toEqual(['forwarded 1, waiting 0, set aside 0']);
    expect(await noted()).toEqual([]);
  });

  it('stays noted where the process was killed, until another has it and ends in order', async () => {
    const first = await start();
    await eventually(async () => expect(await noted()).toHaveLength(1));
    await first.node.kill('SIGKILL');
    expect(await noted()).toHaveLength(1);
    const second = await start();
    await second.node.kill('SIGTERM');
    expect(await noted()).toEqual([]);
  });
});
