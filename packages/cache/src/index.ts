export { Cache, type CacheTiers } from './cache.ts';
export type { BulkRemoval, BulkWriteResult, SyncResult } from './bulk-writing.ts';
export type { BulkError, BulkOptions, BulkResult, BulkWriteOptions } from './bulk.ts';
export type * from './channels.ts';
export { BodyMemory } from './body-memory.ts';
export * from './errors.ts';
export type { Invalidation, InvalidationJournal } from './fallback.ts';
export type { ManyLoader } from './joint-load.ts';
export { LoaderFailedError, LoaderTimeoutError, type Loader, type LoaderContext, type LoadOptions } from './loader.ts';
export { L1Cache, type L1Options } from './l1-cache.ts';
export type * from './options.ts';
export type * from './unstored.ts';
export type { ReadonlyDeep } from './readonly-deep.ts';
export { CacheRegistry, type CacheRegistryOptions } from './registry.ts';
export type { NamespaceStats } from './statistics.ts';
export { EndpointCache, type EndpointAnswer, type EndpointCacheOptions } from './endpoint-cache.ts';
export {
  Entities,
  type EntitiesOptions,
  type EntityInvalidation,
  type EntityInvalidationMode,
  type EntityStore,
} from './entities/entities.ts';
export { EntityGraph, type EntityEdge, type EntityType, type EntityTypes } from './entities/graph.ts';
export type { AccessCount } from './access-tracker.ts';
export { hashKey, type HashKeyOptions } from './hash-key.ts';
export type { NamePages } from './recency-index.ts';
export type { SizeReading } from './size-tracker.ts';
export { cacheEntityStore, type EntityCache, type EntityCaches } from './entities/cache-entity-store.ts';
