import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unpackFolder } from './folder-archive.ts';

export interface DataFolderSource {
  /** An archive of a new database. */
  readonly template: string | undefined;
  /** Makes a new database in a folder of its own, where there is no template. */
  readonly initialise: (folder: string) => Promise<void>;
}

/**
 * Makes the folder of a database where there is none. It gets its name when it is complete, so a process that died in the
 * middle leaves one with another name, which the next start does away with.
 */
export async function makeDataFolder(directory: string, { template, initialise }: DataFolderSource): Promise<void> {
  if (existsSync(join(directory, 'PG_VERSION'))) return;
  const unfinished = `${directory}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  if (template === undefined) {
    mkdirSync(unfinished, { recursive: true, mode: 0o700 });
    await initialise(unfinished);
  } else {
    unpackFolder(template, unfinished);
  }
  moveAside(directory);
  renameSync(unfinished, directory);
}

/** What an earlier version left when it died in the middle. Nothing is deleted that could be somebody's jobs. */
function moveAside(directory: string): void {
  if (!existsSync(directory)) return;
  if (readdirSync(directory).length === 0) rmSync(directory, { recursive: true });
  else renameSync(directory, `${directory}.incomplete-${Date.now()}`);
}
