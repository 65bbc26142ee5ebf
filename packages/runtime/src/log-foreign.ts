import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { CacheForeignEvent } from '@holdfast/cache';
import type { Logger } from '@holdfast/telemetry';

/** Keys that are remembered as told. With more, all are forgotten: rather told twice than not at all. */
const MAX_KEYS = 1000;
const MAX_LENGTH = 300;

/**
 * Logs that a key of ours holds something that no cache has written, once for each key: another program uses our prefix. With the
 * key, although keys are user data: nobody could find it otherwise, and what it holds is not shown. `holdfast_cache_foreign_total`
 * counts each time.
 *
 * @returns what ends that
 */
export function logForeign(logger: Logger): () => void {
  const told = new Set<string>();
  const onForeign = (message: unknown): void => {
    const { namespace, key } = message as CacheForeignEvent;
    if (told.has(key)) return;
    if (told.size >= MAX_KEYS) told.clear();
    told.add(key);
    logger.warn(
      { namespace, key: key.slice(0, MAX_LENGTH) },
      'a key holds what no cache has written: it reads as a miss',
    );
  };
  subscribe('holdfast:cache:foreign', onForeign);
  return () => unsubscribe('holdfast:cache:foreign', onForeign);
}
