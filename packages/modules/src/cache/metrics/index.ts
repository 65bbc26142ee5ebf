import { BoundedLabel, type Instruments } from '@holdfast/telemetry';
import type { ModuleMetrics } from '../../module.ts';
import type { CachePart } from '../create.ts';
import { measureFallback } from './fallback.ts';
import { countOperations } from './operations.ts';
import { measureSizes } from './sizes.ts';

export function cacheMetrics(instruments: Instruments): ModuleMetrics<CachePart> {
  const namespaces = new BoundedLabel(300);
  const startAtZero = countOperations(namespaces, instruments);
  return {
    read({ caches }) {
      startAtZero(caches);
      measureSizes(caches, namespaces, instruments);
      // A process whose caches have no fallback exposes nothing of one.
      if (caches.hasFallback) measureFallback(caches, instruments);
    },
  };
}
