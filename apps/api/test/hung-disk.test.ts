import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  canFreezeDisks,
  eventually,
  mountFreezableDisk,
  spawnNode,
  startRedis,
  uniquePrefix,
  type RedisServer,
  type SpawnedNode,
} from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { patientProbe } from './fixture.ts';

interface HangingFolder {
  readonly directory: string;
  hang(api: SpawnedNode): void;
  mend(): void;
  remove(): void;
}

/** The process of the disk is stopped, as the kernel stops whoever waits for a volume that hangs; but it can be killed. */
function stoppable(): HangingFolder {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-hung-'));
  return {
    directory,
    hang: ({ pid }) => {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
      for (const child of children) process.kill(Number(child), 'SIGSTOP');
    },
    mend: () => undefined,
    remove: () => rmSync(directory, { recursive: true }),
  };
}

/** A file system that is frozen: whoever writes to it can not even be killed. */
function freezable(): HangingFolder {
  const disk = mountFreezableDisk();
  return {
    directory: join(disk.path, 'data'),
    hang: () => disk.freeze(),
    mend: () => disk.thaw(),
    remove: () => disk.unmount(),
  };
}

const server = new URL('../src/server.ts', import.meta.url);

// The second needs root, mkfs.ext4, mount and fsfreeze.
describe.each([
  { name: 'is stopped', make: stoppable, isPossible: true },
  { name: 'cannot be killed', make: freezable, isPossible: canFreezeDisks() },
])('an API whose disk hangs in an outage, where the process of the disk $name', ({ make, isPossible }) => {
  let redis: RedisServer;
  let folder: HangingFolder;
  let api: SpawnedNode;
  let url: string;
  const call = async (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(`${url}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
  const add = async (jobId: string): Promise<Response> =>
    call('POST', '/v1/queues/http-delivery/jobs', { data: { url: 'http://127.0.0.1:9/' }, options: { jobId } });
  const disk = async (): Promise<unknown> => ((await (await call('GET', '/health')).json()) as { disk: unknown }).disk;

  beforeEach(async () => {
    if (!isPossible) return;
    redis = await startRedis();
    folder = make();
    api = spawnNode(server, {
      env: {
        ...patientProbe,
        PORT: '0',
        REDIS_URL: redis.url,
        REDIS_KEY_PREFIX: uniquePrefix('hung'),
        HOLDFAST_DATA_DIR: folder.directory,
      },
    });
    [, url = ''] = await api.waitForLine(/"address":"([^"]+)".*"ready"/);
    await eventually(async () => {
      // Again, where a busy machine has taken Redis for away meanwhile: what was written then is not there any more.
      expect((await call('PUT', '/v1/cache/prompts/a', 'held')).ok).toBe(true);
      for (const _ of ['from Redis', 'from L1']) await (await call('GET', '/v1/cache/prompts/a')).text();
      expect((await call('GET', '/v1/cache/prompts/a')).headers.get('cache-status')).toMatch(/detail=l1/);
    });
    await redis.kill();
    await eventually(async () => expect((await add('before')).status).toBe(202));
  });
  afterEach(async () => {
    if (!isPossible) return;
    folder.mend();
    await api.kill('SIGKILL');
    // The process of the disk ends with its service, and lets go of the volume.
    await eventually(() => folder.remove());
    await redis.stop();
  });

  it.skipIf(!isPossible)('serves what needs no disk meanwhile, and uses the folder again when it is well', async () => {
    folder.hang(api);
    let isAnswered = false;
    const adding = add('unknown').finally(() => (isAnswered = true));
    expect((await call('GET', '/health/live')).status).toBe(200);
    expect(await (await call('GET', '/v1/cache/prompts/a')).json()).toBe('held');
    expect(isAnswered).toBe(false);
    const answer = await adding;
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await answer.json()).toMatchObject({
      code: 'OUTBOX_UNKNOWN',
      detail: expect.stringMatching(/unknown/) as unknown,
    });
    expect(await disk()).toMatchObject({ status: 'hung', reason: expect.stringMatching(/did not answer/) as unknown });

    folder.mend();
    await eventually(async () => expect(await disk()).toMatchObject({ status: 'well' }));
    await eventually(async () => expect([200, 202]).toContain((await add('unknown')).status));
    await redis.start();
    await eventually(async () => {
      const health = (await (await call('GET', '/health')).json()) as { outbox: unknown };
      expect(health.outbox).toMatchObject({ waiting: 0, accepting: true });
    });
    const queue = (await (await call('GET', '/v1/queues/http-delivery')).json()) as { counts: Record<string, number> };
    expect(Object.values(queue.counts).reduce((sum, count) => sum + count, 0)).toBe(2);
  });

  it.skipIf(!isPossible)('ends when it is told to, with jobs on a disk that does not answer', async () => {
    folder.hang(api);
    const adding = add('last');
    expect((await call('GET', '/health/live')).status).toBe(200);
    expect(await api.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect((await adding).status).toBe(503);
  });
});
