import type { Module } from '../module.ts';
import { sourcesPart } from './config/part.ts';
import type { SourcesSettings } from './config/settings.ts';
import { createSources, type SourcesPart } from './create.ts';
import { sourceMetrics } from './metrics/index.ts';
import { sourcesNeeds, type SourcesNeeds } from './needs.ts';

/** Collections of an upstream API, mirrored into the cache. */
export const sourcesModule: Module<'sources', SourcesSettings, SourcesNeeds, SourcesPart> = {
  name: 'sources',
  needs: sourcesNeeds,
  config: sourcesPart,
  create: createSources,
  routes: async () => import('./routes/index.ts'),
  handlers: async () => import('./handlers/index.ts'),
  metrics: sourceMetrics,
  // A sync that failed is no state of the service: `/v1/sources` and the metrics tell of it.
  health: () => ({ isHealthy: true, fields: {} }),
  close: () => undefined,
};
