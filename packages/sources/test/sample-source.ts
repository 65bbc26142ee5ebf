import type { SourceOptions } from '@holdfast/sources';

/** A source of pages of two, as small tests want it. */
export function sampleSource(overrides: Partial<SourceOptions> = {}): SourceOptions {
  return {
    name: 'things',
    namespace: 'things',
    path: '/v1/things',
    itemsField: 'things',
    idField: 'id',
    pagination: { kind: 'page', pageParam: 'page', sizeParam: 'size', size: 2, totalField: 'total' },
    timeoutMs: 5_000,
    maxPages: 100,
    maxItems: 1_000,
    maxPageBytes: 1_000_000,
    softTtlMs: 60_000,
    ...overrides,
  };
}

/** The same without a total. */
export function sourceWithoutTotal(overrides: Partial<SourceOptions> = {}): SourceOptions {
  return sampleSource({
    pagination: { kind: 'page', pageParam: 'page', sizeParam: 'size', size: 2 },
    ...overrides,
  });
}
