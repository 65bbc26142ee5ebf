import { join } from 'node:path';
import { CacheRegistry, cacheEntityStore, Entities, EntityGraph } from '@holdfast/cache';
import type { BaseConfig } from '@holdfast/config';
import { openJournal, type Journal } from '@holdfast/redis-core/journal';
import type { CreateContext, NoNeeds } from '../module.ts';
import type { CacheSettings } from './config/settings.ts';

export interface CachePart {
  readonly caches: CacheRegistry;
  readonly entities: Entities;
}

/** @throws JournalError when the journal in the data folder cannot be opened, which says why */
export function createCache(context: CreateContext<CacheSettings, NoNeeds>): CachePart {
  const { config, engines, keys, usesFallback, afterEngines } = context;
  const { l1, entities, ...settings } = context.settings;
  const journal = usesFallback ? openInvalidationJournal(config) : undefined;
  // A write whose connection is closed under it has an unknown outcome, and is noted.
  if (journal !== undefined) afterEngines(() => journal.close());
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

/** On disk, so that what Redis has to forget survives this process. `undefined` where Redis cannot be away, or must not. */
function openInvalidationJournal({ redis, dataDir }: BaseConfig): Journal | undefined {
  if (!redis.enableFallback || redis.cache.target.kind === 'memory') return undefined;
  return openJournal({ file: join(dataDir, 'journal.db') });
}
