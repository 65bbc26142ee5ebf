import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDiskFolder, type DiskFolder } from '@holdfast/redis-core/disk';
import { openJournal } from '@holdfast/redis-core/journal';
import { createLogger } from '@holdfast/telemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataFolder } from '../src/folders/data-folder.ts';

describe('the data folder of a process', () => {
  let directory: string;
  let kept: number;
  const disks: DiskFolder[] = [];
  const open = async (): Promise<{ readonly disk: DiskFolder; readonly folder: DataFolder }> => {
    const disk = openDiskFolder({ directory });
    disks.push(disk);
    await openJournal({ folder: disk });
    const volume = { kind: 'claim', claim: 'data-0' } as const;
    return { disk, folder: await DataFolder.open({ disk, volume, kept: () => kept }) };
  };
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-data-folder-'));
    kept = 0;
  });
  afterEach(async () => {
    for (const disk of disks.splice(0)) await disk.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('is known by the same id to each process that has it, one after the other, and says what is in it', async () => {
    const first = await open();
    const { own } = first.folder;
    expect(own).toMatchObject({ path: directory, volume: { claim: 'data-0' }, waiting: 0, isEmpty: true });
    kept = 3;
    expect(first.folder.own).toMatchObject({ waiting: 3, isEmpty: false });
    // A process that does not get the folder has nothing to say of it.
    const second = await open();
    expect(second.folder.status).toMatchObject({ state: 'unusable', reason: expect.stringMatching(/another process/) });
    expect(second.folder.own).toBeUndefined();
    await second.disk.close();
    await first.disk.close();
    expect((await open()).folder.own?.id).toBe(own?.id);
  });

  it('is no longer called empty, nor well, while a file that was damaged lies in it; it can be used', async () => {
    writeFileSync(join(directory, 'journal.db'), 'damaged '.repeat(1000));
    const { folder } = await open();
    const lines: string[] = [];
    const stream = { write: (line: string) => void lines.push(line) };
    folder.start(createLogger({ service: 'api', level: 'info', stream }), () => undefined);
    expect(folder.status).toMatchObject({ state: 'damaged', reason: expect.stringMatching(/^journal\.db\.damaged-/) });
    expect(folder).toMatchObject({ canBeUsed: true, own: { isEmpty: false } });
    expect(lines).toEqual([expect.stringMatching(/"level":"error".*journal\.db\.damaged-.*put aside/)]);
    const aside = readdirSync(directory).find((name) => name.includes('.damaged-')) ?? '';
    rmSync(join(directory, aside));
    await folder.look();
    expect(folder).toMatchObject({ status: { state: 'well' }, own: { isEmpty: true } });
    folder.close();
  });
});
