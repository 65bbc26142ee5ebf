import { eventually } from '@holdfast/testing';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineQueue, QueueUnavailableError, Queues, type QueueBackend } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import { runSql } from '../fixtures/database-pages.ts';

const definition = defineQueue({
  name: 'stored',
  description: 'For the test of a disk that hangs.',
  payload: Type.Object({ n: Type.Integer() }),
  attempts: 1,
  timeoutMs: 60_000,
  concurrency: 1,
  retention: { completed: {}, failed: {} },
});

describe('the embedded queue on a disk that hangs', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-hanging-'));
  /** A pipe that nobody reads holds whoever writes to it in the kernel, as such a disk does. */
  const probe = join(directory, 'disk-probe');
  let backend: QueueBackend;
  let queues: Queues;

  beforeAll(async () => {
    backend = await createEmbeddedBackend({ directory });
    queues = new Queues({ backend, definitions: [definition] });
    await queues.add('stored', { data: { n: 0 } });
  });
  afterAll(async () => {
    await queues.close();
    await backend.close();
    for (const reader of readers) closeSync(reader);
    rmSync(directory, { recursive: true, force: true });
  });

  const readers: number[] = [];
  /** Lets the write go on, and those after it. */
  const release = (): void => void readers.push(openSync(probe, constants.O_RDONLY | constants.O_NONBLOCK));
  const hang = (): void => {
    rmSync(probe, { force: true });
    execFileSync('mkfifo', [probe]);
  };

  it('is proven not to work by a write of its own', async () => {
    await backend.prove(5000);
    hang();
    await expect(backend.prove(50)).rejects.toThrow(/did not answer within 50 ms/);
    release();
    await eventually(async () => backend.prove(1000));
  });

  it('says so, refuses at once, and goes on when the disk answers again', async () => {
    hang();
    // The thread hangs in one statement, as in a call to the disk.
    const hanging = runSql(backend, 'stored', 'SELECT pg_sleep(12)');
    await eventually(() => expect(backend.status).toMatchObject({ available: false }));
    expect(backend.status.reason).toMatch(/^the disk of .* has not answered for \d+ s$/);
    await expect(queues.add('stored', { data: { n: 1 } })).rejects.toThrow(QueueUnavailableError);
    await expect(queues.summary('stored')).rejects.toThrow(QueueUnavailableError);
    await expect(backend.prove(1000)).rejects.toThrow(QueueUnavailableError);
    release();
    await hanging;
    await eventually(() => expect(backend.status).toEqual({ available: true }));
    await queues.add('stored', { data: { n: 2 } });
    expect((await queues.summary('stored')).counts.prioritized).toBe(2);
  });

  it('does not take a long statement for a disk that hangs', async () => {
    rmSync(probe, { force: true });
    await runSql(backend, 'stored', 'SELECT pg_sleep(6)');
    expect(backend.status).toEqual({ available: true });
  });
});
