import { CacheRegistry, cacheEntityStore, Entities, EntityGraph } from '@holdfast/cache';
import { openJournal } from '@holdfast/redis-core/journal';
import type { CreateContext, NoNeeds } from '../module.ts';
import type { CacheSettings } from './config/settings.ts';

export interface CachePart {
  readonly caches: CacheRegistry;
  readonly entities: Entities;
}

/** What Redis has to forget is noted on disk, so that it survives this process; not where Redis cannot be away. */
export async function createCache(context: CreateContext<CacheSettings, NoNeeds>): Promise<CachePart> {
  const { config, engines, keys, usesFallback, disk } = context;
  const { l1, entities, ...settings } = context.settings;
  const isBuiltIn = config.redis.cache.target.kind === 'memory';
  const journal = disk === undefined || isBuiltIn ? undefined : await openJournal({ folder: disk });
  const caches = new CacheRegistry({
    engine: engines.cache,
    keys,
    // A process that serves nobody keeps nothing: being told of every change would cost it a connection and its heartbeat.
    l1: usesFallback ? l1 : { maxBytes: 0 },
    ...settings,
    // In Redis-only mode an outage is an error for everybody, also for those who have a loader.
    onL2Error: config.redis.enableFallback ? 'serve' : 'throw',
    ...(journal === undefined ? {} : { journal }),
  });
  return { caches, entities: new Entities({ graph: new EntityGraph(entities), store: cacheEntityStore(caches) }) };
}
