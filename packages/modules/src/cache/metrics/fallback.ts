import type { CacheRegistry } from '@holdfast/cache';
import type { Instruments } from '@holdfast/telemetry';

/** Whether the caches of this process stand in for Redis, and what they have to tell it. */
export function measureFallback(
  caches: Pick<CacheRegistry, 'isAway' | 'pendingInvalidations'>,
  instruments: Instruments,
): void {
  const standingIn = instruments.gauge({
    name: 'holdfast_cache_standing_in',
    help: '1 while the caches of this process serve and write its own memory instead of Redis.',
  });
  const waiting = instruments.gauge({
    name: 'holdfast_cache_invalidations_waiting',
    help: 'Kept on disk until Redis can be told.',
  });
  instruments.onScrape(() => {
    standingIn.set(caches.isAway ? 1 : 0);
    waiting.set(caches.pendingInvalidations);
  });
}
