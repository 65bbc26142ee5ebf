import { Mirror, Sources } from '@holdfast/sources';
import type { CreateContext } from '../module.ts';
import type { SourcesSettings } from './config/settings.ts';
import type { SourcesNeeds } from './needs.ts';

export interface SourcesPart {
  readonly sources: Sources;
}

export function createSources(context: CreateContext<SourcesSettings, SourcesNeeds>): SourcesPart {
  const { settings, engines, keys, needs } = context;
  const { apiKey } = settings.upstream;
  // `.invalid` never resolves: the mirror is served, and a sync that slipped past the route fails instead of guessing.
  const baseUrl = settings.upstream.baseUrl ?? 'http://upstream-not-configured.invalid';
  const mirrors = Object.values(settings.byName).map(
    (source) =>
      new Mirror({
        source,
        upstream: { baseUrl, ...(apiKey === undefined ? {} : { apiKey }) },
        engine: engines.cache,
        keys,
        cache: needs.cache.caches.get(source.namespace),
      }),
  );
  return { sources: new Sources(mirrors, settings.disabled) };
}
