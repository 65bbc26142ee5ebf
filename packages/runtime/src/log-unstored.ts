import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { CacheUnstoredEvent } from '@holdfast/cache';
import type { Logger } from '@holdfast/telemetry';

/**
 * Logs that a loader of a namespace returns what cannot be stored: once for each kind, since it may do so at each call.
 * `holdfast_cache_unstored_total` counts them all. That Redis fails is told by the log of its connections.
 *
 * @returns what ends that
 */
export function logUnstored(logger: Logger): () => void {
  const told = new Set<string>();
  const onUnstored = (message: unknown): void => {
    const { namespace, reason, error } = message as CacheUnstoredEvent;
    const kind = `${reason} ${namespace}`;
    if (reason === 'l2-failed' || told.has(kind)) return;
    told.add(kind);
    logger.warn({ namespace, reason: error.message }, 'a loaded value cannot be stored, and is loaded at each call');
  };
  subscribe('holdfast:cache:unstored', onUnstored);
  return () => unsubscribe('holdfast:cache:unstored', onUnstored);
}
