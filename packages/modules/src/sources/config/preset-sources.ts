import type { Pagination, SourceOptions } from '@holdfast/sources';

/** A source but for what is not its own: its name, and the soft TTL of its namespace. */
export type PresetSource = Omit<SourceOptions, 'name' | 'softTtlMs'>;

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

/** The sources that are there before a file adds to them or changes them. */
export const presetSources: Readonly<Record<string, PresetSource>> = {
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
};
