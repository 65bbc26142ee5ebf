import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  /** The directory that it is. */
  readonly path: string;
  /** Takes it away with all that is on it. Nothing may have a file of it open. */
  unmount(): void;
}

/** Makes a disk of its own that can be filled: a tmpfs of `size` (as `mount` takes it, `3m`). */
export function mountSmallDisk(size: string): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' });
  } catch (error) {
    rmSync(path, { recursive: true });
    throw error;
  }
  return {
    path,
    unmount: () => {
      execFileSync('umount', [path]);
      rmSync(path, { recursive: true });
    },
  };
}

/** Whether disks can be mounted: by root, and outside of most containers. */
export function canMountDisks(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    mountSmallDisk('64k').unmount();
    return true;
  } catch {
    return false;
  }
}
