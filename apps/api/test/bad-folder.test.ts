import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDurableFile } from '@holdfast/redis-core/durable-file';
import {
  canMountDisks,
  eventually,
  mountSmallDisk,
  spawnNode,
  startRedis,
  type RedisServer,
  type SmallDisk,
  type SpawnedNode,
} from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { patientProbe } from './fixture.ts';

const server = new URL('../src/server.ts', import.meta.url);

/** A data folder that something is wrong with. */
interface BadFolder {
  readonly path: string;
  readonly mend: () => void;
}

describe('a start with a data folder', () => {
  let redis: RedisServer;
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => redis.stop());
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
    await redis.start();
  });

  const newFolder = (): string => {
    const path = mkdtempSync(join(tmpdir(), 'holdfast-bad-folder-'));
    ends.push(() => rmSync(path, { recursive: true, force: true }));
    return path;
  };
  const start = async (directory: string): Promise<{ node: SpawnedNode; url: (path: string) => URL }> => {
    const env = { ...patientProbe, PORT: '0', REDIS_URL: redis.url, HOLDFAST_DATA_DIR: directory };
    const node = spawnNode(server, { cwd: newFolder(), env });
    ends.push(() => node.kill());
    const [, address = ''] = await node.waitForLine(/"address":"([^"]+)".*"ready"/);
    return { node, url: (path) => new URL(path, address) };
  };
  const json = async (url: URL): Promise<unknown> => (await fetch(url)).json();
  const addJob = async (url: (path: string) => URL): Promise<number> => {
    const body = JSON.stringify({ data: { url: 'https://example.com/hook' } });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(url('/v1/queues/http-delivery/jobs'), { method: 'POST', headers, body });
    await answer.text();
    return answer.status;
  };
  const usable = async (url: (path: string) => URL): Promise<string | undefined> =>
    /^holdfast_disk_usable (\d)$/m.exec(await (await fetch(url('/metrics'))).text())?.[1];

  /** A disk that hangs: whoever opens this waits until somebody reads from it. */
  const hung = (): BadFolder => {
    const path = newFolder();
    const file = join(path, 'outbox.db');
    execFileSync('mkfifo', [file]);
    return { path, mend: () => rmSync(file) };
  };
  const notAFolder = (): BadFolder => {
    const path = join(newFolder(), 'data');
    writeFileSync(path, '');
    return { path, mend: () => rmSync(path) };
  };
  const inUse = (): BadFolder => {
    const path = newFolder();
    const other = openDurableFile({ file: join(path, 'outbox.db'), maxBytes: 1e6, version: 1, schema: '' });
    other.exec('PRAGMA user_version = 0');
    return { path, mend: () => other.close() };
  };
  const mountDisk = (size: string): SmallDisk => {
    const disk = mountSmallDisk(size);
    // The process of the disk ends right after the one that it belongs to.
    ends.push(async () => eventually(() => disk.unmount()));
    return disk;
  };
  const full = (): BadFolder => {
    const disk = mountDisk('16k');
    const mend = (): void => void execFileSync('mount', ['-o', 'remount,size=200m', disk.path]);
    return { path: disk.path, mend };
  };
  const readOnly = (): BadFolder => {
    const disk = mountDisk('200m');
    execFileSync('mount', ['-o', 'remount,ro', disk.path]);
    return { path: disk.path, mend: () => void execFileSync('mount', ['-o', 'remount,rw', disk.path]) };
  };
  const isMounted = canMountDisks();

  const cases: readonly (readonly [string, string, () => BadFolder, boolean])[] = [
    ['that hangs', 'hung', hung, true],
    ['that is none', 'unusable', notAFolder, true],
    ['that another process has', 'unusable', inUse, true],
    ['on a full disk (needs rights to mount)', 'full', full, isMounted],
    ['on a read-only disk (needs rights to mount)', 'unusable', readOnly, isMounted],
  ];
  describe.each(cases)('%s', (_, status, spoil, isPossible) => {
    it.runIf(isPossible)('goes on without it, says so, and uses it once it is well', async () => {
      const { path, mend } = spoil();
      const { node, url } = await start(path);
      expect(await json(url('/health'))).toMatchObject({
        status: 'degraded',
        disk: { status, reason: expect.any(String) as unknown },
      });
      expect((await fetch(url('/health/ready'))).status).toBe(200);
      expect(await usable(url)).toBe('0');
      await node.waitForLine(/"level":"error".*"the data folder cannot be used/);
      // Redis is there: nothing has to be on disk.
      expect(await addJob(url)).toBe(201);
      mend();
      await eventually(async () =>
        expect(await json(url('/health'))).toMatchObject({ status: 'ok', disk: { status: 'well' } }),
      );
      await eventually(async () => expect(await usable(url)).toBe('1'));
      await node.waitForLine(/"the data folder can be used again"/);
      await redis.kill();
      await eventually(async () => expect(await addJob(url)).toBe(202));
      expect(await node.kill('SIGTERM')).toMatchObject({ code: 0 });
    });
  });

  it('with damaged files puts them aside, says so, and keeps what comes after', async () => {
    const path = newFolder();
    const garbage = Buffer.alloc(64 * 1024, 'no database ');
    for (const name of ['outbox.db', 'journal.db']) writeFileSync(join(path, name), garbage);
    const { node, url } = await start(path);
    const aside = (): string[] => readdirSync(path).filter((name) => /^(?:outbox|journal)\.db\.damaged-/.test(name));
    await eventually(async () => {
      expect(aside()).toHaveLength(2);
      expect(await json(url('/health'))).toMatchObject({
        status: 'degraded',
        disk: { reason: expect.stringMatching(/outbox\.db\.damaged-.*put aside/) as unknown },
      });
    });
    for (const name of aside()) expect(readFileSync(join(path, name))).toEqual(garbage);
    expect((await fetch(url('/health/ready'))).status).toBe(200);
    await redis.kill();
    await eventually(async () => expect(await addJob(url)).toBe(202));
    expect(await node.kill('SIGTERM')).toMatchObject({ code: 0 });
  });
});
