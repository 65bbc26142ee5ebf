import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FreezableDisk {
  /** The directory that it is. */
  readonly path: string;
  /** From now on whoever writes to it waits in the kernel, and cannot be killed: as on a volume that hangs. May be called twice. */
  freeze(): void;
  /** May be called twice. */
  thaw(): void;
  /** Takes it away with all that is on it. Nothing may have a file of it open. */
  unmount(): void;
}

/** Makes a disk of its own that can be made to hang: an ext4 of 256 MiB in a file. */
export function mountFreezableDisk(): FreezableDisk {
  const place = mkdtempSync(join(tmpdir(), 'holdfast-freezable-'));
  const [image, path] = [join(place, 'image'), join(place, 'disk')];
  const run = (command: string, ...args: readonly string[]): void =>
    void execFileSync(command, args, { stdio: 'ignore' });
  let isFrozen = false;
  try {
    run('truncate', '-s', '256M', image);
    run('mkfs.ext4', '-q', '-F', image);
    run('mkdir', path);
    run('mount', '-o', 'loop', image, path);
  } catch (error) {
    rmSync(place, { recursive: true });
    throw error;
  }
  return {
    path,
    freeze: () => {
      if (!isFrozen) run('fsfreeze', '-f', path);
      isFrozen = true;
    },
    thaw: () => {
      if (isFrozen) run('fsfreeze', '-u', path);
      isFrozen = false;
    },
    unmount: () => {
      run('umount', path);
      rmSync(place, { recursive: true });
    },
  };
}

/** Whether disks can be frozen: by root, outside of most containers, where `mkfs.ext4` and `fsfreeze` are installed. */
export function canFreezeDisks(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    const disk = mountFreezableDisk();
    disk.freeze();
    disk.thaw();
    disk.unmount();
    return true;
  } catch {
    return false;
  }
}
