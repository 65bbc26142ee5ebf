import type { Instruments } from '@holdfast/telemetry';
import type { CachePart } from '../create.ts';
import { measureFallback } from './fallback.ts';
import { countOperations } from './operations.ts';

export function cacheMetrics({ caches }: CachePart, instruments: Instruments): void {
  countOperations(instruments);
  // A process whose caches have no fallback exposes nothing of one.
  if (caches.hasFallback) measureFallback(caches, instruments);
}
