import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { EmbeddedFolderLockedError } from '../job/errors.ts';

export interface FolderLock {
  release(): void;
}

/**
 * Takes a folder for this process alone, until `release` or the end of the process, however it ends.
 *
 * The lock is an open exclusive transaction of SQLite on `lock.db`. SQLite holds it with fcntl locks, which the kernel
 * drops together with the process: there is no stale lock after `kill -9`, and no process id that another process has
 * got meanwhile, which are the weak points of a lock file with an id in it. Node has no flock of its own, and a bound
 * socket would not be seen from another container on the same volume. `holder.json` only serves the error message.
 *
 * @throws EmbeddedFolderLockedError with the id of the process that holds it.
 */
export function lockFolder(directory: string): FolderLock {
  mkdirSync(directory, { recursive: true });
  const holderFile = join(directory, 'holder.json');
  const database = new DatabaseSync(join(directory, 'lock.db'), { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && /locked|busy/i.test(error.message)) {
      throw new EmbeddedFolderLockedError(directory, readHolder(holderFile));
    }
    throw error;
  }
  writeFileSync(holderFile, JSON.stringify({ pid: process.pid, since: new Date().toISOString() }));
  return {
    release: () => {
      if (database.isOpen) database.close();
    },
  };
}

function readHolder(file: string): number | undefined {
  try {
    const { pid } = JSON.parse(readFileSync(file, 'utf8')) as { pid?: unknown };
    return typeof pid === 'number' ? pid : undefined;
  } catch {
    // The message then does without it.
    return undefined;
  }
}
