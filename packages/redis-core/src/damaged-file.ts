import { existsSync, readdirSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What SQLite keeps beside a file: without them it lacks its last commits. */
const companions = ['-wal', '-journal'] as const;
const mark = '.damaged-';

/**
 * Gives a damaged file of SQLite, with what lies beside it, a name of its own (`outbox.db.damaged-20261130T035530123Z`), so
 * that a new one can be begun; nothing is deleted. The file goes first: a process that dies in between leaves a log without
 * a file, which `isLogAlone` knows from then on.
 *
 * @returns the new name, absolute
 * @throws what the file system says
 */
export function putAside(file: string, now: number = Date.now()): string {
  let time = now;
  while (existsSync(asideName(file, time)) || existsSync(`${asideName(file, time)}-wal`)) time += 1;
  const aside = asideName(file, time);
  for (const ending of ['', ...companions]) {
    if (existsSync(file + ending)) renameSync(file + ending, aside + ending);
  }
  return aside;
}

/** Whether commits lie beside a file that is empty or not there: SQLite would delete them when it begins a new one. */
export function isLogAlone(file: string): boolean {
  return sizeOf(file) === 0 && sizeOf(`${file}-wal`) > 0;
}

/** The names of what was put aside in a folder and is still there, the oldest first; a log counts only where its file is gone. */
export function filesPutAside(directory: string): string[] {
  const names = readdirSync(directory).filter((name) => name.includes(mark));
  const isPart = (name: string): boolean =>
    companions.some((ending) => name.endsWith(ending) && names.includes(name.slice(0, -ending.length)));
  return names.filter((name) => !isPart(name)).toSorted();
}

function asideName(file: string, time: number): string {
  const stamp = new Date(time).toISOString().replaceAll(/[-:.]/g, '');
  return join(dirname(file), `${basename(file)}${mark}${stamp}`);
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
