import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const fileName = 'folder-id';
const pattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * What a data folder is known by, wherever it is mounted and whatever its host is called: a UUID in a file of its own, made
 * by the first process that uses it. To be called by who holds the lock of a file in the folder.
 *
 * @throws what the file system says
 */
export function folderId(directory: string): string {
  const file = join(directory, fileName);
  const known = read(file);
  if (known !== undefined) return known;
  const id = randomUUID();
  // Whole or not at all: a process that dies in between leaves a file that the next one writes over.
  const begun = `${file}.new`;
  const descriptor = openSync(begun, 'w', 0o600);
  try {
    writeSync(descriptor, `${id}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(begun, file);
  return id;
}

function read(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return pattern.test(text) ? text : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
