import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

/** A cgroup that holds what runs in it to a number of bytes, as a container does: beyond it the kernel kills. */
export interface MemoryLimit {
  /** What has to stand before a command that is to run in it. */
  readonly prefix: readonly string[];
  /** The most that its processes had at once, with those pages of files that the kernel may take back. */
  peakBytes(): number;
  /** Once its processes have ended. */
  close(): Promise<void>;
}

const root = '/sys/fs/cgroup';
/** What the files are called in the two versions of cgroups. */
const files = {
  v1: { limit: 'memory.limit_in_bytes', peak: 'memory.max_usage_in_bytes' },
  v2: { limit: 'memory.max', peak: 'memory.peak' },
} as const;

/** @throws where the system does not let us; see `whyNoMemoryLimits` */
export function limitMemory(bytes: number): MemoryLimit {
  const version = existsSync(join(root, 'cgroup.controllers')) ? 'v2' : 'v1';
  const directory = join(parent(version), `holdfast-${process.pid}-${(count += 1)}`);
  mkdirSync(directory);
  try {
    writeFileSync(join(directory, files[version].limit), String(bytes));
  } catch (error) {
    rmdirSync(directory);
    throw error;
  }
  return {
    prefix: ['sh', '-c', 'echo $$ > "$0" && exec "$@"', join(directory, 'cgroup.procs')],
    peakBytes: () => Number(readFileSync(join(directory, files[version].peak), 'utf8')),
    // The kernel lets go of a process some time after its parent has heard of its end.
    close: async () => eventually(() => rmdirSync(directory)),
  };
}
let count = 0;

/** Why `limitMemory` cannot work here, for the name of a test that is skipped; `undefined` where it can. */
export function whyNoMemoryLimits(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  try {
    void limitMemory(64 * 1024 * 1024).close();
    return undefined;
  } catch (error) {
    return `needs leave to make memory cgroups: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** In version 1 below our own cgroup; in version 2 beside it, as one that holds processes may have none below it. */
function parent(version: 'v1' | 'v2'): string {
  if (version === 'v2') return root;
  const [, own = ''] = /^\d+:(?:\w+,)*memory(?:,\w+)*:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8')) ?? [];
  return join(root, 'memory', own);
}
