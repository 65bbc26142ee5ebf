import { presetEntities } from './preset-entities.ts';
import type { EntityConfig, NamespaceConfig, Pagination, SourceConfig } from './types.ts';

/** The queues that the configuration can refer to; their definitions are in the job catalogue. */
export const builtInQueueNames = ['source-sync', 'http-delivery'] as const;

export interface Presets {
  readonly namespaces: Readonly<Record<string, NamespaceConfig>>;
  readonly entities: Readonly<Record<string, EntityConfig>>;
  readonly sources: Readonly<Record<string, PresetSource>>;
}

export type PresetSource = Omit<SourceConfig, 'name' | 'softTtlMs'>;

/** What the environment says about the presets; in milliseconds. */
export interface PresetTtls {
  readonly instancesSoftMs: number;
  readonly apiResponsesMs: number | null;
  readonly comprehensiveMs: number | null;
}

const minute = 60_000;
const hour = 60 * minute;

/** Soft TTL of a namespace that a source writes and that does not say otherwise. */
export const defaultSoftTtlMs: number = 5 * minute;

/** What a source of holdfast.yaml has when it does not say otherwise. */
export const sourceDefaults = {
  pagination: { kind: 'none' } satisfies Pagination,
  timeoutMs: 10_000,
  maxPages: 1000,
  maxItems: 100_000,
  maxPageBytes: 16 * 1024 * 1024,
  allowEmpty: false,
} as const;

const novitaPages = {
  kind: 'page',
  pageParam: 'pageNum',
  sizeParam: 'pageSize',
  size: 100,
  totalField: 'total',
} as const satisfies Pagination;

/** The built-in holdfast.yaml: what is there before a file adds to it or changes it. */
export function presets(ttls: PresetTtls): Presets {
  return {
    namespaces: {
      // Mirrored: items never expire, a sync removes them; the soft TTL says from when on they are stale.
      instances: { ttlMs: null, softTtlMs: ttls.instancesSoftMs },
      products: { ttlMs: null, softTtlMs: 6 * hour },
      'api-responses': { ttlMs: ttls.apiResponsesMs },
      comprehensive: { ttlMs: ttls.comprehensiveMs },
      prompts: { ttlMs: 24 * hour },
      // Computed at a cost and never outdated.
      aesthetics: { ttlMs: null },
      embeddings: { ttlMs: null },
      user: { ttlMs: hour },
      creator: { ttlMs: hour },
      brand: { ttlMs: hour },
      asset: { ttlMs: hour },
      project: { ttlMs: hour },
      license: { ttlMs: hour },
      'integration-status': { ttlMs: 5 * minute },
      'system-health': { ttlMs: minute },
      'user-settings': { ttlMs: 30 * minute },
    },
    entities: presetEntities,
    sources: {
      instances: {
        ...sourceDefaults,
        namespace: 'instances',
        path: '/gpu-instance/openapi/v1/gpu/instances',
        itemsField: 'instances',
        idField: 'id',
        pagination: novitaPages,
      },
      products: {
        ...sourceDefaults,
        namespace: 'products',
        path: '/gpu-instance/openapi/v1/products',
        itemsField: 'data',
        idField: 'id',
      },
    },
  };
}
