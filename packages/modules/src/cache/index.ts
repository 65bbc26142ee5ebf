import type { Module, NoNeeds } from '../module.ts';
import { cachePart } from './config/part.ts';
import type { CacheSettings } from './config/settings.ts';
import { createCache, type CachePart } from './create.ts';
import { cacheMetrics } from './metrics/index.ts';

/** Entries in namespaces, and the entities that are invalidated together. */
export const cacheModule: Module<'cache', CacheSettings, NoNeeds, CachePart> = {
  name: 'cache',
  needs: {},
  config: cachePart,
  create: createCache,
  routes: async () => import('./routes/index.ts'),
  metrics: cacheMetrics,
  // In a cluster that answers, caches may fall back for one master.
  health: ({ caches }) => ({ isHealthy: !caches.isOnFallback, fields: {} }),
  kept: ({ caches }) => caches.pendingInvalidations,
  close: async ({ caches }) => caches.close(),
};
