import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnNode } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Queues } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import { makeDataFolder } from '../../src/embedded/data-folder.ts';
import { packFolder, unpackFolder } from '../../src/embedded/folder-archive.ts';
import { requireInitdbMemory } from '../../src/embedded/open-pglite.ts';
import { survival } from '../fixtures/survival-queue.ts';

const root = mkdtempSync(join(tmpdir(), 'holdfast-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const newPath = (): string => join(root, `folder-${(count += 1)}`);

/** A database as far as these tests go: what makes it one, and an empty folder, which PostgreSQL wants as well. */
function fillFolder(folder: string, version = '17'): void {
  mkdirSync(join(folder, 'base', '1'), { recursive: true });
  mkdirSync(join(folder, 'pg_notify'));
  writeFileSync(join(folder, 'PG_VERSION'), version);
  writeFileSync(join(folder, 'base', '1', 'zeros'), Buffer.alloc(100_000));
  writeFileSync(join(folder, 'base', '1', 'empty'), '');
}
const contents = (folder: string): Record<string, string | null> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .toSorted()
      .map((name) => {
        const path = join(folder, name);
        return [name, statSync(path).isDirectory() ? null : readFileSync(path, 'latin1')];
      }),
  );
const never = async (): Promise<void> => expect.unreachable('there is nothing to initialise');

describe('a folder in one file', () => {
  it('comes out as it went in, with empty folders and files, compressed, and for its owner alone', () => {
    const [from, file, to] = [newPath(), newPath(), newPath()];
    fillFolder(from);
    packFolder(from, file);
    unpackFolder(file, to);
    expect(contents(to)).toEqual(contents(from));
    expect(statSync(file).size).toBeLessThan(50_000);
    expect(statSync(to).mode & 0o777).toBe(0o700);
  });
});

describe('the folder of a new database', () => {
  let template: string;
  beforeAll(() => {
    template = newPath();
    const from = newPath();
    fillFolder(from);
    packFolder(from, template);
  });

  it('is unpacked from the template', async () => {
    const directory = newPath();
    await makeDataFolder(directory, { template, initialise: never });
    expect(readFileSync(join(directory, 'PG_VERSION'), 'utf8')).toBe('17');
  });

  it('is initialised where there is no template, under another name until it is complete', async () => {
    const directory = newPath();
    const seen: boolean[] = [];
    await makeDataFolder(directory, {
      template: undefined,
      initialise: async (folder) => {
        seen.push(existsSync(directory));
        fillFolder(folder, '18');
      },
    });
    expect(seen).toEqual([false]);
    expect(readFileSync(join(directory, 'PG_VERSION'), 'utf8')).toBe('18');
  });

  it('is not touched where there is a database', async () => {
    const directory = newPath();
    fillFolder(directory, '16');
    await makeDataFolder(directory, { template, initialise: never });
    expect(readFileSync(join(directory, 'PG_VERSION'), 'utf8')).toBe('16');
  });

  it('is made anew after one that failed in the middle', async () => {
    const directory = newPath();
    const initialise = async (folder: string): Promise<void> => {
      fillFolder(folder);
      throw new Error('the disk is full');
    };
    await expect(makeDataFolder(directory, { template: undefined, initialise })).rejects.toThrow('the disk is full');
    expect(existsSync(directory)).toBe(false);
    await makeDataFolder(directory, { template, initialise: never });
    expect(existsSync(`${directory}.new`)).toBe(false);
    expect(existsSync(join(directory, 'PG_VERSION'))).toBe(true);
  });

  it('takes the place of an empty one, and of an incomplete one, which is kept beside it', async () => {
    const [empty, incomplete] = [newPath(), newPath()];
    mkdirSync(empty);
    mkdirSync(incomplete);
    writeFileSync(join(incomplete, 'half'), 'a database');
    for (const directory of [empty, incomplete]) await makeDataFolder(directory, { template, initialise: never });
    const kept = readdirSync(root).filter((name) => name.includes('.incomplete-'));
    expect(kept).toHaveLength(1);
    expect(readFileSync(join(root, kept[0] ?? '', 'half'), 'utf8')).toBe('a database');
  });
});

describe('the embedded queue', () => {
  /** Adds a job and reads it again. */
  const use = async (directory: string): Promise<unknown> => {
    const backend = await createEmbeddedBackend({ directory });
    const queues = new Queues({ backend, definitions: [survival] });
    const { id } = await queues.add('survival', { data: { n: 7 } });
    const job = await queues.get('survival', id);
    await queues.close();
    return job?.data;
  };

  it('opens a folder that initdb made, under other settings than ours', async () => {
    const directory = newPath();
    mkdirSync(directory);
    // As the versions before the template did; in a process of its own, which ends with the memory that it takes.
    const node = spawnNode(new URL('../fixtures/old-folder.ts', import.meta.url), {
      args: [join(directory, 'pglite')],
      execArgs: ['--liftoff-only'],
    });
    expect(await node.exited, node.lines.join('\n')).toEqual({ code: 0, signal: null });
    expect(await use(directory)).toEqual({ n: 7 });
  });

  it('starts after kills in the middle of its first start', async () => {
    const directory = newPath();
    const file = new URL('../fixtures/first-start.ts', import.meta.url);
    for (const moment of [/^starting$/, /^(making|ready)$/]) {
      const node = spawnNode(file, { args: [directory] });
      await node.waitForLine(moment);
      await node.kill();
    }
    expect(await use(directory)).toEqual({ n: 7 });
    expect(existsSync(join(directory, 'pglite.new'))).toBe(false);
  });

  it('says which folder cannot be used, and what it has to be', async () => {
    const directory = newPath();
    writeFileSync(directory, 'a file');
    await expect(createEmbeddedBackend({ directory: join(directory, 'queue') })).rejects.toMatchObject({
      code: 'EMBEDDED_FOLDER_UNUSABLE',
      message: expect.stringMatching(/folder-\d+\/queue \(ENOTDIR: .*\): it has to be a folder/),
    });
  });

  it('says that a database is damaged, and lets go of its folder', async () => {
    const directory = newPath();
    await use(directory);
    const file = join(directory, 'pglite', 'global', 'pg_control');
    const intact = readFileSync(file);
    writeFileSync(file, 'garbage');
    await expect(createEmbeddedBackend({ directory })).rejects.toMatchObject({
      code: 'EMBEDDED_FOLDER_UNUSABLE',
      message: expect.stringMatching(/folder-\d+ \(.+\): the database in it is damaged/),
    });
    writeFileSync(file, intact);
    expect(await use(directory)).toEqual({ n: 7 });
  });

  it.each([383, 767])('says what to do where initdb would need more than the %i MiB that there are', (mebibytes) => {
    expect(() => requireInitdbMemory(mebibytes * 1024 * 1024)).toThrow(
      `takes 768 MiB to make, and this process may use ${mebibytes} MiB: give it more memory for its first start, or build`,
    );
    expect(() => requireInitdbMemory(768 * 1024 * 1024)).not.toThrow();
  });
});
