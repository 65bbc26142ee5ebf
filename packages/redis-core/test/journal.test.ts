import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnNode } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDiskFolder, type DiskFolder } from '../src/disk.ts';
import { type Invalidation, type Journal, JournalError, openJournal } from '../src/journal.ts';

describe('the journal of invalidations', () => {
  let directory: string;
  let folder: DiskFolder;
  let journal: Journal;
  const key = (value: string): Invalidation => ({ area: 'products', kind: 'key', value, mode: 'delete' });
  const values = async (): Promise<string[]> => (await journal.read(100_000)).map(({ value }) => value);

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-journal-'));
    folder = openDiskFolder({ directory, deadlineMs: 1000 });
    journal = await openJournal({ folder });
  });
  afterEach(async () => {
    await folder.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test('gives back what was noted until it is removed, and knows how much it is', async () => {
    await Promise.all([journal.append(key('a'), key('b')), journal.append(), journal.append(key('c'))]);
    expect(journal.pending()).toBe(3);
    const [first, , last] = await journal.read(10);
    await journal.remove([first?.id ?? 0, last?.id ?? 0]);
    expect([await values(), journal.pending()]).toEqual([['b'], 1]);
  });

  test('belongs to one process: the second is told what to do', async () => {
    const other = openDiskFolder({ directory });
    const second = await openJournal({ folder: other });
    await expect(second.append(key('a'))).rejects.toThrow(JournalError);
    await expect(second.append(key('a'))).rejects.toThrow(/another process has it open.*data directory of its own/);
    await other.close();
  });

  test('fails the note of which nobody knows whether it is on disk, and those after it until the disk answers', async () => {
    await journal.append(key('a'));
    process.kill(folder.pid ?? 0, 'SIGSTOP');
    const reopened = new Promise<void>((resolve) => journal.onOpen(resolve));
    await expect(journal.append(key('b'))).rejects.toThrow(
      /journal.db cannot be used: It did not answer within 1000 ms/,
    );
    await expect(journal.append(key('c'))).rejects.toThrow(JournalError);
    await reopened;
    await journal.append(key('d'));
    expect(await values()).toEqual(['a', 'd']);
  });

  test('loses nothing that was noted when its process is killed', async () => {
    await folder.close();
    const writer = spawnNode(new URL('processes/journal-writer.ts', import.meta.url), { args: [directory] });
    await writer.waitForLine(/^noted 200$/);
    await writer.kill('SIGKILL');
    const noted = writer.lines.filter((line) => line.startsWith('noted ')).length;
    folder = openDiskFolder({ directory });
    journal = await openJournal({ folder, maxPerArea: 1_000_000 });
    const held = new Set(await values());
    expect(noted).toBeGreaterThan(200);
    expect(Array.from({ length: noted }, (_, index) => String(index)).filter((value) => !held.has(value))).toEqual([]);
  });

  test('refuses to work after its folder was closed', async () => {
    await folder.close();
    await folder.close();
    await expect(journal.append(key('a'))).rejects.toThrow(/is closed/);
  });
});
