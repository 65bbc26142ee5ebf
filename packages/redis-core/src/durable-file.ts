import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isLogAlone, putAside } from './damaged-file.ts';

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
/** The process of a service that was killed ends a moment after it. */
const lockMs = 500;
/** What is read whole at its opening, to find damage; of a larger file, that is found by whoever comes upon it. */
const MAX_CHECKED_BYTES = 32 * 1024 * 1024;
/** Result codes of SQLite: the file is damaged, or none of SQLite. */
const DAMAGED: readonly number[] = [11, 26];

/**
 * Opens a file of SQLite, or makes it, in which a commit has reached the disk before it returns, and that belongs to
 * this process alone until it is closed or the process ends, however it ends: the kernel drops the lock. One that is
 * damaged is put aside (see `filesPutAside`), and a new one begun.
 *
 * @throws what SQLite says, with its result code as `errcode` (see `sqliteCode`)
 */
export function openDurableFile(options: DurableFileOptions): DatabaseSync {
  const { file } = options;
  mkdirSync(dirname(file), { recursive: true });
  if (isLogAlone(file)) putAside(file);
  return open(options) ?? open(options) ?? fail(file);
}

/** @returns `undefined` where it was damaged: it is not there any more */
function open(options: DurableFileOptions): DatabaseSync | undefined {
  const { file } = options;
  // What is new is for this user alone: it holds the data of callers. SQLite gives its other files the same rights.
  closeSync(openSync(file, 'a', 0o600));
  const { ino } = statSync(file);
  const database = new DatabaseSync(file, { timeout: lockMs });
  try {
    prepare(database, options);
    return database;
  } catch (error) {
    // Another process may have put it aside meanwhile, and begun the one that is there now.
    const isToGo = isDamage(error) && statSync(file).ino === ino;
    try {
      // Before it is closed: its lock is held so long, and at the end SQLite would remove its log.
      if (isToGo) putAside(file);
    } finally {
      database.close();
    }
    if (!isToGo) throw error;
    return undefined;
  }
}

function fail(file: string): never {
  throw new Error(`A new ${file} is damaged as well.`);
}

/** Whether SQLite said that the file is damaged. It is to be put aside before it is closed, and opened anew. */
export function isDamage(error: unknown): boolean {
  return DAMAGED.includes(sqliteCode(error));
}

function prepare(database: DatabaseSync, { file, maxBytes, version, schema, upgrades = {} }: DurableFileOptions): void {
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
  checkWhole(database, file);
  const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  if (found === version) return;
  const steps = found === 0 ? [schema] : stepsBetween(found, version, upgrades);
  if (steps === undefined) {
    throw new Error(`it was written by another version (its schema is ${found}, not ${version})`);
  }
  transact(database, () => database.exec(`${steps.join('\n')} PRAGMA user_version = ${version};`));
}

/** @throws as SQLite does where it comes upon damage */
function checkWhole(database: DatabaseSync, file: string): void {
  if (statSync(file).size > MAX_CHECKED_BYTES) return;
  const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (found !== 'ok') throw Object.assign(new Error(String(found)), { errcode: DAMAGED[0] });
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

/** What the file system says before SQLite is asked, as SQLite would say it. */
const SYSTEM_CODES: Readonly<Record<string, number>> = {
  ENOSPC: 13,
  EDQUOT: 13,
  EROFS: 8,
  EACCES: 8,
  EPERM: 8,
  EIO: 10,
  ENOTDIR: 14,
  EEXIST: 14,
};

/**
 * The result code of SQLite without its extension (https://www.sqlite.org/rescode.html), also for an error of the file system
 * that means the same; 0 for any other error.
 */
export function sqliteCode(error: unknown): number {
  if (!(error instanceof Error)) return 0;
  if ('errcode' in error) return Number(error.errcode) & 0xff;
  return 'code' in error ? (SYSTEM_CODES[String(error.code)] ?? 0) : 0;
}
