import { mkdirSync } from 'node:fs';
import { extname } from 'node:path';
import { filesPutAside } from '../damaged-file.ts';
import { folderId } from '../folder-id.ts';
import type { DiskFile } from './disk-file.ts';
import type { DiskFolder } from './disk-folder.ts';
import type { ServedFile } from './served-file.ts';

/** What is known of a folder itself. */
export interface FolderTotals {
  /** Stays with the folder, wherever it is mounted. */
  readonly id: string;
  /** Files that were damaged, by the names that they have now; they stay until somebody takes them away. */
  readonly putAside: readonly string[];
}

export interface FolderFile extends ServedFile {
  /** `look`: finds out what it is like now. */
  readonly calls: { readonly look: () => void };
  readonly totals: () => FolderTotals;
}

/** Has the folder itself served, after its files: one of them may be found damaged when it is opened. */
export async function openFolderFile(folder: DiskFolder): Promise<DiskFile<FolderFile>> {
  const module = new URL(`./folder-file${extname(import.meta.url)}`, import.meta.url);
  return folder.open<FolderFile>({ name: 'folder', module, options: {} });
}

/** In the process of the disk. @throws what the file system says */
export function open(directory: string): FolderFile {
  mkdirSync(directory, { recursive: true });
  let totals: FolderTotals = { id: folderId(directory), putAside: filesPutAside(directory) };
  const look = (): void => {
    totals = { ...totals, putAside: filesPutAside(directory) };
  };
  return {
    calls: { look },
    totals: () => totals,
    prove: look,
    close: () => undefined,
  };
}
