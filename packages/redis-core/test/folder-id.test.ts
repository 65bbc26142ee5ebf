import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { folderId } from '../src/folder-id.ts';

describe('the id of a data folder', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-folder-id-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('stays with it, whatever the folder is called', () => {
    const id = folderId(directory);
    expect(folderId(directory)).toBe(id);
    const moved = `${directory}-moved`;
    renameSync(directory, moved);
    directory = moved;
    expect(folderId(moved)).toBe(id);
    expect(readdirSync(moved)).toEqual(['folder-id']);
  });

  test('is another one in another folder, and a new one where its file cannot be understood', () => {
    const id = folderId(directory);
    writeFileSync(join(directory, 'folder-id'), '');
    const next = folderId(directory);
    expect(next).not.toBe(id);
    expect(folderId(directory)).toBe(next);
  });
});
