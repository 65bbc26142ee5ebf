import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface DurableFileOptions {
  /** The SQLite file; its directory is made where it is missing. */
  readonly file: string;
  /** What the file may take, rounded up to whole pages. */
  readonly maxBytes: number;
  /** Of `schema`: written into the file. A file of a version that nothing leads to it from is refused and left alone. */
  readonly version: number;
  /** What makes the tables of an empty file. */
  readonly schema: string;
  /** By an earlier version: what makes a file of it one of the next version. */
  readonly upgrades?: Readonly<Record<number, string>>;
}

const PAGE_BYTES = 4096;

/**
 * Opens a file of SQLite, or makes it, in which a commit has reached the disk before it returns, and that belongs to
 * this process alone until it is closed or the process ends, however it ends: the kernel drops the lock.
 *
 * @throws what SQLite says, with its result code as `errcode` (see `sqliteCode`)
 */
export function openDurableFile({ file, maxBytes, version, schema, upgrades = {} }: DurableFileOptions): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true });
  // What is new is for this user alone: it holds the data of callers. SQLite gives its other files the same rights.
  closeSync(openSync(file, 'a', 0o600));
  const database = new DatabaseSync(file);
  try {
    // EXCLUSIVE before WAL: the lock is then held from the first access on, and no shared memory is needed.
    database.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA page_size = ${PAGE_BYTES};
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA journal_size_limit = ${4 * 1024 * 1024};
      PRAGMA max_page_count = ${Math.ceil(maxBytes / PAGE_BYTES)};
      BEGIN EXCLUSIVE;
      COMMIT;
    `);
    const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
    if (found !== version) {
      const steps = found === 0 ? [schema] : stepsBetween(found, version, upgrades);
      if (steps === undefined) {
        throw new Error(`it was written by another version (its schema is ${found}, not ${version})`);
      }
      transact(database, () => database.exec(`${steps.join('\n')} PRAGMA user_version = ${version};`));
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** `undefined`: there is no way from one version to the other. */
function stepsBetween(from: number, to: number, upgrades: Readonly<Record<number, string>>): string[] | undefined {
  const versions = Array.from({ length: Math.max(0, to - from) }, (_, step) => from + step);
  const steps = versions.map((version) => upgrades[version]).filter((step) => step !== undefined);
  return steps.length === to - from ? steps : undefined;
}

/** Runs `work` in one transaction: all of it is on disk when this returns, or nothing is and it throws. */
export function transact<Reply>(database: DatabaseSync, work: () => Reply): Reply {
  database.exec('BEGIN IMMEDIATE');
  try {
    const reply = work();
    database.exec('COMMIT');
    return reply;
  } catch (error) {
    // A full disk may have rolled it back already.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** The result code of SQLite without its extension (https://www.sqlite.org/rescode.html); 0 for any other error. */
export function sqliteCode(error: unknown): number {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0;
}
