import { spawnNode } from '@holdfast/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Consumer, Queues } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import { survival } from '../fixtures/survival-queue.ts';

const fixture = new URL('../fixtures/embedded-process.ts', import.meta.url);

describe('the embedded queue', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-survival-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('loses nothing that was acknowledged when its process is killed, and runs again what was running', async () => {
    const child = spawnNode(fixture, { args: [directory] });
    await child.waitForLine(/running endless/);
    await child.waitForLine(/added \S+ 50$/);
    await child.kill('SIGKILL');
    const acknowledged = child.lines.flatMap((line) => {
      const [, id, n] = /^added (\S+) (\d+)$/.exec(line) ?? [];
      return id === undefined ? [] : [{ id, n: Number(n) }];
    });
    expect(acknowledged.length).toBeGreaterThan(50);

    const backend = await createEmbeddedBackend({ directory });
    const queues = new Queues({ backend, definitions: [survival] });
    const ran: string[] = [];
    const consumer = new Consumer({
      backend,
      definition: survival,
      handler: async (job) => {
        ran.push(job.id);
        return { double: job.data.n * 2 };
      },
    });
    try {
      expect((await queues.summary('survival')).counts.active).toBe(0);
      const jobs = await Promise.all(acknowledged.map(async ({ id }) => queues.get('survival', id)));
      const finished = new Set(jobs.filter((job) => job?.state === 'completed').map((job) => job?.id));
      await consumer.start();
      expect(await queues.get('survival', 'endless', { waitMs: 30_000 })).toMatchObject({ state: 'completed' });
      for (const { id, n } of acknowledged) {
        expect(await queues.get('survival', id, { waitMs: 30_000 })).toMatchObject({
          state: 'completed',
          result: { double: n * 2 },
        });
      }
      expect(ran.filter((id) => finished.has(id))).toEqual([]);
    } finally {
      await consumer.close({ timeoutMs: 3000 });
      await queues.close();
    }
  });

  it('gives its folder to one process at a time, and names the holder', async () => {
    const child = spawnNode(fixture, { args: [directory] });
    await child.waitForLine(/ready/);
    await expect(createEmbeddedBackend({ directory })).rejects.toMatchObject({
      code: 'EMBEDDED_FOLDER_LOCKED',
      holderPid: child.pid,
      message: expect.stringContaining(`process ${child.pid}`),
    });
    await child.kill('SIGKILL');
    const backend = await createEmbeddedBackend({ directory });
    await expect(createEmbeddedBackend({ directory })).rejects.toMatchObject({ holderPid: process.pid });
    await backend.close();
    const again = await createEmbeddedBackend({ directory });
    await again.close();
  });
});
