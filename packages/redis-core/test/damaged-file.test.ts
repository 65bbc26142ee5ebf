import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { filesPutAside, putAside } from '../src/damaged-file.ts';
import { openDurableFile } from '../src/durable-file.ts';

const asidePattern = /^file\.db\.damaged-\d{8}T\d{9}Z$/;

describe('a durable file that is damaged', () => {
  let directory: string;
  let path: string;
  const open = (version = 1): DatabaseSync =>
    openDurableFile({
      file: path,
      maxBytes: 64 * 1024 * 1024,
      version,
      schema: 'CREATE TABLE note (a TEXT) STRICT; CREATE INDEX by_a ON note (a);',
    });
  const notes = (file: DatabaseSync): number => Number(file.prepare('SELECT count(*) AS n FROM note').get()?.['n']);
  /** Of some 2000 pages. */
  const fill = (): void => {
    const file = open();
    file.exec(`WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2000)
      INSERT INTO note SELECT printf('%04000d', n) FROM numbers`);
    file.close();
  };
  const overwrite = (at: number, bytes: Buffer): void => {
    const content = readFileSync(path);
    bytes.copy(content, at);
    writeFileSync(path, content);
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-damaged-'));
    path = join(directory, 'file.db');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test.each<readonly [string, () => void]>([
    ['it is none of SQLite', () => writeFileSync(path, 'this is no database, however long it is. '.repeat(1000))],
    ['its first page was overwritten', () => overwrite(0, Buffer.alloc(4096, 0x5a))],
    ['pages in its middle were overwritten', () => overwrite(4096 * 500, Buffer.alloc(4096 * 500, 0x5a))],
    ['its end is missing', () => truncateSync(path, 4096 * 300)],
  ])('is put aside, whole, where %s, and a new one is begun', (_why, damage) => {
    fill();
    damage();
    const content = readFileSync(path);
    const file = open();
    expect(notes(file)).toBe(0);
    file.exec("INSERT INTO note VALUES ('new')");
    file.close();
    const aside = filesPutAside(directory);
    expect(aside).toEqual([expect.stringMatching(asidePattern)]);
    expect(readFileSync(join(directory, aside[0] ?? '')).equals(content)).toBe(true);
    const again = open();
    expect(notes(again)).toBe(1);
    again.close();
    expect(filesPutAside(directory)).toHaveLength(1);
  });

  test('takes the log of its last commits along', () => {
    fill();
    const killed = open();
    killed.exec("INSERT INTO note VALUES ('only in the log')");
    const log = readFileSync(`${path}-wal`);
    killed.close();
    overwrite(0, Buffer.alloc(100, 0x5a));
    writeFileSync(`${path}-wal`, log);
    open().close();
    const [aside = ''] = filesPutAside(directory);
    expect(readFileSync(join(directory, `${aside}-wal`)).equals(log)).toBe(true);
  });

  test('keeps a log whose file is empty or gone, as SQLite would delete it', () => {
    const killed = open();
    killed.exec("INSERT INTO note VALUES ('only in the log')");
    const log = readFileSync(`${path}-wal`);
    killed.close();
    for (const lose of [() => truncateSync(path), () => rmSync(path)]) {
      lose();
      writeFileSync(`${path}-wal`, log);
      open().close();
    }
    const logs = readdirSync(directory).filter((name) => name.endsWith('-wal'));
    expect(logs).toHaveLength(2);
    for (const name of logs) expect(readFileSync(join(directory, name)).equals(log)).toBe(true);
    expect(filesPutAside(directory)).toHaveLength(2);
  });

  test('never takes the place of another that was put aside in the same moment', () => {
    for (const content of ['first', 'second', 'third']) {
      writeFileSync(path, content);
      putAside(path, 0);
    }
    const contents = filesPutAside(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
    expect(contents).toEqual(['first', 'second', 'third']);
  });

  test('is none where another process has it open, or another version has written it', () => {
    const first = open();
    expect(() => open()).toThrow(/locked/);
    first.close();
    expect(() => open(2)).toThrow(/another version/);
    expect(filesPutAside(directory)).toEqual([]);
  });
});
