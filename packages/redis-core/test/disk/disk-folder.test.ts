import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  DiskOutcomeUnknownError,
  DiskUnusableError,
  openDiskFolder,
  type DiskFile,
  type DiskFolder,
} from '@holdfast/redis-core/disk';
import { eventually } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesPutAside } from '../../src/damaged-file.ts';
import { open, type Notes } from './notes.ts';

let directory: string;
let folder: DiskFolder;
const module = new URL('./notes.ts', import.meta.url);
const openNotes = async (options = {}): Promise<DiskFile<Notes>> =>
  folder.open<Notes>({ name: 'notes', module, options });

/** The process of the disk, as the kernel stops it where a volume hangs. */
function signal(name: NodeJS.Signals): number {
  const { pid } = folder;
  if (pid === undefined) throw new Error('There is no process.');
  process.kill(pid, name);
  return pid;
}

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'holdfast-disk-')), 'made', 'by', 'itself');
  // Short, as it is waited for; a machine that is busy does not miss it, since only what is stopped is.
  folder = openDiskFolder({ directory, deadlineMs: 1000 });
});
afterEach(async () => {
  await folder.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('a folder whose files a child process keeps open', () => {
  it('serves the calls of a file, with its totals, and keeps what is in it', async () => {
    const notes = await openNotes();
    expect(folder.status).toEqual({ state: 'well' });
    expect(await Promise.all(['a', 'b', 'c'].map(async (line) => notes.call('add', [line])))).toEqual([1, 2, 3]);
    expect(notes.totals).toEqual({ lines: 3 });
    await folder.close();
    await expect(notes.call('all', [])).rejects.toThrow(DiskUnusableError);
    folder = openDiskFolder({ directory });
    expect(await (await openNotes()).call('all', [])).toEqual(['a', 'b', 'c']);
  });

  it('ends a call that is not answered in time as one of unknown outcome, and those after it at once as not sent', async () => {
    const notes = await openNotes();
    const pid = signal('SIGSTOP');
    await expect(notes.call('add', ['a'])).rejects.toThrow(DiskOutcomeUnknownError);
    expect(folder.status).toEqual({ state: 'hung', reason: 'It did not answer within 1000 ms.' });
    await expect(notes.call('add', ['b'])).rejects.toThrow(DiskUnusableError);
    await eventually(() => expect(folder.status).toEqual({ state: 'well' }));
    expect(folder.pid).not.toBe(pid);
    expect(await notes.call('add', ['c'])).toBe(1);
  });

  it('has another process take the place of one that ended, and says what is not known', async () => {
    const notes = await openNotes();
    const reopened = new Promise<void>((resolve) => notes.onOpen(resolve));
    await expect(notes.call('end', [])).rejects.toThrow(DiskOutcomeUnknownError);
    expect(folder.status).toEqual({ state: 'unusable', reason: 'Its process ended with code 7.' });
    await reopened;
    expect(await notes.call('add', ['a'])).toBe(1);
  });

  it('hands on what the disk says, shows it as its status, and is well again once it can be written', async () => {
    const notes = await openNotes();
    const told: string[] = [];
    folder.onChange(({ state }) => told.push(state));
    await expect(notes.call('fail', [13])).rejects.toMatchObject({ errcode: 13 });
    expect(folder.status).toEqual({ state: 'full', reason: 'notes: there is no room for more' });
    await eventually(() => expect(folder.status).toEqual({ state: 'well' }));
    expect(told).toEqual(['full', 'well']);
  });

  it('opens what another process has once that lets go of it', async () => {
    const other = openDiskFolder({ directory });
    await (await other.open<Notes>({ name: 'notes', module, options: {} })).call('add', ['a']);
    const notes = await openNotes();
    expect(folder.status).toEqual({ state: 'unusable', reason: 'notes: another process has it open' });
    await expect(notes.call('all', [])).rejects.toThrow(DiskUnusableError);
    await other.close();
    await eventually(() => expect(notes.fault).toBeUndefined());
    expect(await notes.call('all', [])).toEqual(['a']);
  });

  it('waits for a disk that hangs no longer than a call may take when it is closed, and leaves no process behind', async () => {
    const notes = await openNotes();
    const pid = signal('SIGSTOP');
    const call = notes.call('add', ['a']).catch((error: unknown) => error);
    await folder.close();
    expect(await call).toBeInstanceOf(DiskOutcomeUnknownError);
    await eventually(() => expect(existsSync(`/proc/${pid}`)).toBe(false));
  });

  it('begins a file anew that is damaged while it is open, and keeps what was there', async () => {
    const file = join(directory, 'notes.db');
    const options = { maxBytes: 64 * 1024 * 1024 };
    open(directory, options).close();
    const database = new DatabaseSync(file);
    // More than SQLite keeps in its memory.
    database.exec(`WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 4000)
      INSERT INTO note SELECT printf('%04000d', n) FROM numbers`);
    database.close();
    const notes = await folder.open<Notes>({ name: 'notes.db', module, options });
    expect(await notes.call('all', [])).toHaveLength(4000);
    const damage = openSync(file, 'r+');
    writeSync(damage, Buffer.alloc(4096 * 2000, 0x5a), 0, 4096 * 2000, 4096 * 200);
    closeSync(damage);
    const reopened = new Promise<void>((resolve) => notes.onOpen(resolve));
    await expect(notes.call('all', [])).rejects.toMatchObject({ errcode: 11 });
    expect(folder.status).toEqual({ state: 'damaged', reason: 'notes.db: it is damaged' });
    await reopened;
    expect(await notes.call('add', ['a'])).toBe(1);
    await eventually(() => expect(folder.status).toEqual({ state: 'well' }));
    const aside = filesPutAside(directory);
    expect(aside).toHaveLength(1);
    for (const name of aside) expect(statSync(join(directory, name)).size).toBeGreaterThan(4000 * 4096);
  });
});
