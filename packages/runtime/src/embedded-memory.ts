import { memoryLimit } from '@holdfast/redis-core';
import { exitCodes, StartError } from './start-error.ts';

const MiB = 1024 * 1024;

/** API, worker, database, some thousand jobs, and a full cache of the size that belongs to it. */
const requiredBytes = 384 * MiB;
const maxCacheBytes = 256 * MiB;

/**
 * What the cache may hold where it is in this process, in bytes of keys and values: an eighth of what the process may use,
 * and at most 256 MiB. A cache that is written to takes twice that for a while, since the bodies of requests and what the
 * garbage collector has not taken yet come on top.
 *
 * @param limitBytes default: the limit of the container, or what the machine has
 * @throws StartError where that is too little, before the kernel would end the process without a word
 */
export function embeddedCacheBytes(limitBytes = memoryLimit()): number {
  if (limitBytes < requiredBytes) {
    throw new StartError(
      `Embedded mode needs ${requiredBytes / MiB} MiB of memory, and this process may use ${Math.floor(limitBytes / MiB)} MiB: raise its limit, or set REDIS_URL, which keeps cache and jobs out of this process.`,
      exitCodes.misconfigured,
    );
  }
  return Math.min(maxCacheBytes, Math.floor(limitBytes / 8));
}
