/** Files whose disk may hang, fail or be full without holding up the process: see `DiskFolder`. */
export { openDiskFolder } from './disk/disk-folder.ts';
export type { DiskFolder, DiskFolderOptions } from './disk/disk-folder.ts';
export type { DiskFile, DiskFileOptions } from './disk/disk-file.ts';
export type { DiskStatus } from './disk/disk-status.ts';
export { DiskOutcomeUnknownError, DiskUnusableError } from './disk/disk-errors.ts';
export type { ServedFile, ServedFileModule } from './disk/served-file.ts';
export { Gathering } from './disk/gathering.ts';
export type { GatheringOptions } from './disk/gathering.ts';
export { openFolderFile } from './disk/folder-file.ts';
export type { FolderFile, FolderTotals } from './disk/folder-file.ts';
