import type { CacheRegistry } from '@holdfast/cache';
import type { Instruments } from '@holdfast/telemetry';

/** Whether the caches of this process use their fallback, and what they have to tell Redis. */
export function measureFallback(
  caches: Pick<CacheRegistry, 'isOnFallback' | 'pendingInvalidations'>,
  instruments: Instruments,
): void {
  const inUse = instruments.gauge({
    name: 'holdfast_cache_standing_in',
    help: '1 while the caches of this process serve and write its own memory instead of Redis.',
  });
  const waiting = instruments.gauge({
    name: 'holdfast_cache_invalidations_waiting',
    help: 'Kept on disk until Redis can be told.',
  });
  instruments.onScrape(() => {
    inUse.set(caches.isOnFallback ? 1 : 0);
    waiting.set(caches.pendingInvalidations);
  });
}
