import { durationBounds, readDuration, type ProblemList } from '@holdfast/config/part';
import type { FileCache } from './schema.ts';
import type { CacheSettings } from './settings.ts';

type Tuning = Pick<CacheSettings, 'batchSize' | 'usage'>;

/** What the file says of how much is done together, and how often. What is absent stays as the cache has it. */
export function toTuning(file: FileCache, problems: ProblemList): Tuning {
  const { batchSize, accessFlushInterval, sizeRefreshEvery, sizeCacheTtl } = file;
  const usage = {
    ...(accessFlushInterval !== undefined && {
      flushIntervalMs: readDuration(accessFlushInterval, 'cache.accessFlushInterval', durationBounds.wait, problems),
    }),
    ...(sizeRefreshEvery !== undefined && { refreshEvery: sizeRefreshEvery }),
    ...(sizeCacheTtl !== undefined && {
      sizeCacheTtlMs: readDuration(sizeCacheTtl, 'cache.sizeCacheTtl', { ...durationBounds.life, min: 0 }, problems),
    }),
  };
  return { ...(batchSize !== undefined && { batchSize }), usage };
}
