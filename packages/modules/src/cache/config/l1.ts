import type { L1Options } from '@holdfast/cache';
import { durationBounds, readDuration, type ProblemList } from '@holdfast/config/part';
import type { FileCache } from './schema.ts';

/** What the file says of the entries that each process keeps. */
export function toL1Options({ maxBytes, maxStale }: NonNullable<FileCache['l1']>, problems: ProblemList): L1Options {
  return {
    ...(maxBytes !== undefined && { maxBytes }),
    ...(maxStale !== undefined && {
      maxStaleMs: readDuration(maxStale, 'cache.l1.maxStale', durationBounds.life, problems),
    }),
  };
}
