import type { CacheRegistryOptions, EntityTypes, NearCacheOptions } from '@holdfast/cache';

type Rules = Pick<CacheRegistryOptions, 'allowUndeclared' | 'maxValueBytes' | 'namespaces'>;

/** What the caches of a process are made of. */
export interface CacheSettings extends Required<Rules> {
  /** The first tier, in each process. What is absent stays as the cache has it. */
  readonly l1: NearCacheOptions;
  /** What invalidating one thing takes along; by type. */
  readonly entities: EntityTypes;
}
