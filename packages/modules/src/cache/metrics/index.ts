import type { Instruments } from '@holdfast/telemetry';
import type { CachePart } from '../create.ts';
import { measureFallback } from './fallback.ts';
import { countOperations } from './operations.ts';

export function cacheMetrics({ caches }: CachePart, instruments: Instruments): void {
  countOperations(instruments);
  // A process whose caches never stand in for Redis exposes nothing of it.
  if (caches.canStandIn) measureFallback(caches, instruments);
}
