import type { CacheRegistryOptions, EntityTypes, L1Options } from '@holdfast/cache';

type Rules = Pick<CacheRegistryOptions, 'allowUndeclared' | 'maxValueBytes' | 'namespaces'>;
type Tuning = Pick<CacheRegistryOptions, 'batchSize' | 'usage'>;

/** What the caches of a process are made of. */
export interface CacheSettings extends Required<Rules>, Tuning {
  /** L1, in each process. What is absent stays as the cache has it. */
  readonly l1: L1Options;
  /** What invalidating one thing takes along; by type. */
  readonly entities: EntityTypes;
}
