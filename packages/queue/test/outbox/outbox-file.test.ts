import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canMountDisks, closedPort, eventually, mountSmallDisk, startRedis } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Type } from 'typebox';
import { defineQueue, openOutbox } from '../../src/index.ts';
import {
  definition,
  openQueues,
  temporaryFolder,
  type Folder,
  type OpenedOutbox,
  type OpenOptions,
} from './fixture.ts';

const large = defineQueue({ ...definition, payload: Type.Object({ text: Type.String() }) });

describe('the file of the outbox', () => {
  let folder: Folder;
  let opened: OpenedOutbox | undefined;
  const open = async (options: Partial<OpenOptions> = {}): Promise<OpenedOutbox> =>
    (opened = await openQueues({ directory: folder.path, port: await closedPort(), ...options }));
  const add = async (data: object = { n: 1 }, jobId?: string) =>
    (opened as OpenedOutbox).queues.add('parcels', { data, ...(jobId !== undefined && { options: { jobId } }) });
  const outcomes = async (adds: readonly Promise<unknown>[]): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const result of await Promise.allSettled(adds)) {
      const outcome = result.status === 'fulfilled' ? 'stored' : String((result.reason as { code?: unknown }).code);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
    return counts;
  };

  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(async () => {
    await opened?.queues.close();
    opened = undefined;
    folder.remove();
  });

  it('belongs to one process, which its next owner is told', async () => {
    await open();
    const second = await openOutbox({ folder: folder.path });
    expect(second.fault).toMatchObject({
      code: 'OUTBOX_UNAVAILABLE',
      message: expect.stringMatching(/another process has it open.*data directory of its own/) as unknown,
    });
    expect(second.status).toMatchObject({ accepting: false, reason: second.fault?.message });
    await opened?.queues.close();
    await eventually(() => expect(second.status).toMatchObject({ waiting: 0, accepting: true }));
    await second.close();
  });

  it('is for the eyes of its user, and gives its room back when it is empty', async () => {
    const redis = await startRedis();
    await redis.kill();
    const { queues, outbox } = await open({ port: redis.port, definitions: [large] });
    const file = join(folder.path, 'outbox.db');
    expect(statSync(file).mode & 0o077).toBe(0);
    await Promise.all(
      Array.from({ length: 40 }, async () => queues.add('parcels', { data: { text: 'x'.repeat(600_000) } })),
    );
    await redis.start();
    await eventually(() => expect(outbox.status).toMatchObject({ waiting: 0 }));
    expect((await queues.summary('parcels')).counts.prioritized).toBe(40);
    expect(statSync(file).size).toBeLessThan(100_000);
    await redis.stop();
  });

  it('is begun anew where its file is something else, which is put aside as it is', async () => {
    writeFileSync(join(folder.path, 'outbox.db'), 'Dear diary, '.repeat(1000));
    const outbox = await openOutbox({ folder: folder.path });
    expect(outbox.status).toMatchObject({ waiting: 0, accepting: true });
    await outbox.close();
    const aside = readdirSync(folder.path).filter((name) => name.startsWith('outbox.db.damaged-'));
    expect(aside.map((name) => statSync(join(folder.path, name)).size)).toEqual([12_000]);
  });

  it('takes as many jobs as it may, refuses the next with 503 and when to try again, and says so', async () => {
    const { outbox } = await open({ maxJobs: 100 });
    expect(await outcomes(Array.from({ length: 130 }, async () => add()))).toEqual({ stored: 100, OUTBOX_FULL: 30 });
    await expect(add()).rejects.toMatchObject({ status: 503, retryable: true, retryAfterMs: 5000 });
    expect(outbox.status).toMatchObject({ waiting: 100, accepting: false, reason: expect.stringMatching(/100 jobs/) });
  });

  it('takes as many bytes as it may', async () => {
    const { outbox } = await open({ maxBytes: 10_000 });
    const { stored, ...refused } = await outcomes(Array.from({ length: 100 }, async () => add()));
    expect(refused).toEqual({ OUTBOX_FULL: 100 - Number(stored) });
    expect(stored).toBeGreaterThan(20);
    expect(outbox.status.bytes).toBeLessThanOrEqual(10_000);
    expect(outbox.status.accepting).toBe(false);
  });

  it('leaves room on its disk, and says that there is none', async () => {
    const { outbox } = await open({ minFreeBytes: Number.MAX_SAFE_INTEGER });
    expect(outbox.status).toMatchObject({ accepting: false, reason: expect.stringMatching(/disk.*room/) });
    expect(await outcomes([add(), add()])).toEqual({ OUTBOX_FULL: 2 });
  });

  // Where file systems may be mounted: a disk that is really full.
  it.skipIf(!canMountDisks())(
    'on a full disk acknowledges nothing that it does not keep, and goes on when there is room again',
    async () => {
      const redis = await startRedis();
      await redis.kill();
      const disk = mountSmallDisk('3m');
      try {
        await open({ directory: disk.path, minFreeBytes: 0 });
        writeFileSync(join(disk.path, 'filler'), Buffer.alloc(1024 * 1024));
        const acknowledged: string[] = [];
        let refusal: unknown;
        for (let n = 0; refusal === undefined && n < 10_000; n += 1) {
          try {
            acknowledged.push((await add({ n }, `job-${n}`)).id);
          } catch (error) {
            refusal = error;
          }
        }
        expect(refusal).toMatchObject({ status: 503, code: expect.stringMatching(/^OUTBOX_(FULL|UNAVAILABLE)$/) });
        expect(acknowledged.length).toBeGreaterThan(50);
        await opened?.queues.close();
        const { queues, outbox } = await open({ directory: disk.path, port: redis.port, minFreeBytes: 0 });
        expect(outbox.status.waiting).toBe(acknowledged.length);
        expect(await queues.get('parcels', acknowledged.at(-1) ?? '')).toMatchObject({ state: 'outbox' });
        await redis.start();
        rmSync(join(disk.path, 'filler'));
        await eventually(() => expect(outbox.status).toMatchObject({ waiting: 0, accepting: true }));
        expect((await queues.summary('parcels')).counts.prioritized).toBe(acknowledged.length);
      } finally {
        await opened?.queues.close();
        await redis.stop();
        disk.unmount();
      }
    },
  );
});
