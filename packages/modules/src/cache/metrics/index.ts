import type { Instruments } from '@holdfast/telemetry';
import type { ModuleMetrics } from '../../module.ts';
import type { CachePart } from '../create.ts';
import { measureFallback } from './fallback.ts';
import { countOperations } from './operations.ts';

export function cacheMetrics(instruments: Instruments): ModuleMetrics<CachePart> {
  countOperations(instruments);
  return {
    read({ caches }) {
      // A process whose caches have no fallback exposes nothing of one.
      if (caches.hasFallback) measureFallback(caches, instruments);
    },
  };
}
