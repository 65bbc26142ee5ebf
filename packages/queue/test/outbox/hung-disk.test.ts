import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { openDiskFolder, type DiskFolder } from '@holdfast/redis-core/disk';
import { eventually, startRedis, type RedisServer } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openQueues, temporaryFolder, type Folder, type OpenedOutbox } from './fixture.ts';

describe('an outbox whose disk does not answer', () => {
  let redis: RedisServer;
  let place: Folder;
  let folder: DiskFolder;
  let opened: OpenedOutbox;
  const add = async (n: number, jobId?: string) =>
    opened.queues.add('parcels', { data: { n }, ...(jobId !== undefined && { options: { jobId } }) });
  const ids = async (): Promise<string[]> =>
    (await redis.command('ZRANGE', 'holdfast:jobs:{parcels}:parcels:prioritized', '0', '-1')) as string[];
  /** As the kernel does it to whoever waits for a volume that hangs. */
  const hang = (): void => void process.kill(folder.pid ?? 0, 'SIGSTOP');
  const leave = async (): Promise<void> => {
    await redis.kill();
    await eventually(async () => expect(await add(0, 'first')).toMatchObject({ state: 'outbox' }));
  };
  const openOn = async (deadlineMs: number): Promise<void> => {
    folder = openDiskFolder({ directory: place.path, deadlineMs });
    opened = await openQueues({ directory: place.path, folder, port: redis.port });
    await eventually(() => expect(opened.backend.status.available).toBe(true));
  };

  beforeEach(async () => {
    redis = await startRedis();
    place = temporaryFolder();
  });
  afterEach(async () => {
    await opened.queues.close();
    await folder.close();
    await redis.stop();
    place.remove();
  });

  it('says that nobody knows, and makes one job of what is sent again under the same id', async () => {
    await openOn(1000);
    await leave();
    hang();
    await expect(add(1, 'one')).rejects.toMatchObject({
      code: 'OUTBOX_UNKNOWN',
      status: 503,
      retryable: true,
      retryAfterMs: 5000,
      jobId: 'one',
    });
    expect(opened.outbox.status).toMatchObject({ accepting: false, reason: expect.stringMatching(/did not answer/) });
    await eventually(async () => expect(await add(1, 'one')).toMatchObject({ state: 'outbox' }));
    await redis.start();
    await eventually(() => expect(opened.outbox.status).toMatchObject({ waiting: 0, accepting: true }));
    expect(await ids()).toEqual(['first', 'one']);
  });

  it('makes one job also of what the disk had kept before it fell silent', async () => {
    await openOn(1000);
    await leave();
    // It is at work on the commit, or before or behind it: the call ends as unknown in each case.
    const adding = add(1, 'one').catch((error: unknown) => error);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    hang();
    await adding;
    await eventually(async () => expect(await add(1, 'one')).toMatchObject({ state: 'outbox' }));
    await redis.start();
    await eventually(() => expect(opened.outbox.status).toMatchObject({ waiting: 0, accepting: true }));
    expect(await ids()).toEqual(['first', 'one']);
  });

  it('refuses what it cannot keep as not kept, at once, until its disk answers', async () => {
    await openOn(1000);
    await leave();
    hang();
    await expect(add(1, 'one')).rejects.toMatchObject({ code: 'OUTBOX_UNKNOWN' });
    await expect(add(2)).rejects.toMatchObject({ code: 'OUTBOX_UNAVAILABLE', status: 503, retryAfterMs: 5000 });
    await eventually(async () => expect(await add(2, 'two')).toMatchObject({ state: 'outbox' }));
  });

  it('sends new jobs to a Redis that is there, although older ones lie where nobody can read them', async () => {
    await openOn(1000);
    await leave();
    // A volume that is gone: something else is where the folder was.
    renameSync(place.path, `${place.path}-gone`);
    writeFileSync(place.path, '');
    process.kill(folder.pid ?? 0, 'SIGKILL');
    await eventually(() => expect(opened.outbox.fault).toMatchObject({ code: 'OUTBOX_UNAVAILABLE' }));
    await redis.start();
    await eventually(() => expect(opened.backend.status.available).toBe(true));
    const { id, state } = await add(1);
    expect(state).not.toBe('outbox');
    expect((await opened.queues.addMany('parcels', [{ data: { n: 2 } }])).items).toMatchObject([
      { status: 'accepted' },
    ]);
    expect(await opened.queues.get('parcels', id)).toMatchObject({ data: { n: 1 } });
    // Whether it has these, nobody can say: the one would be run twice, the other would be said not to exist.
    await expect(add(0, 'first')).rejects.toMatchObject({ code: 'OUTBOX_UNAVAILABLE', status: 503 });
    await expect(opened.queues.get('parcels', 'first')).rejects.toMatchObject({ code: 'OUTBOX_UNAVAILABLE' });
    rmSync(place.path);
    renameSync(`${place.path}-gone`, place.path);
    await eventually(() => expect(opened.outbox.status).toMatchObject({ waiting: 0, accepting: true }));
    expect(await ids()).toHaveLength(3);
    expect(await ids()).toContain('first');
  });

  it('is closed within the time that one call may take', async () => {
    await openOn(1000);
    await leave();
    hang();
    const adding = add(1).catch((error: unknown) => error);
    await opened.queues.close();
    await folder.close();
    expect(await adding).toMatchObject({ code: 'OUTBOX_UNKNOWN' });
  });
});
