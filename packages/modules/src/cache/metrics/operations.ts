import type { CacheChannels, CacheRegistry } from '@holdfast/cache';
import type { BoundedLabel, Instruments } from '@holdfast/telemetry';

/** What may come of each operation. */
const outcomes = {
  get: ['hit', 'stale', 'miss', 'error'],
  set: ['stored', 'error'],
  delete: ['deleted', 'error'],
} as const;
const operationNames = ['get', 'set', 'delete'] as const;

/** What the caches of a process have, as far as it is counted. */
export type CountedCaches = Pick<CacheRegistry, 'names' | 'hasFallback' | 'l1'>;

/**
 * Counts what the cache publishes.
 * @returns shows 0 for all that may happen to these caches and did not yet: a ratio of hits has no value without its misses
 */
export function countOperations(namespaces: BoundedLabel, instruments: Instruments): (caches: CountedCaches) => void {
  const operations = instruments.counter({
    name: 'holdfast_cache_operations_total',
    help: 'Keys that were read, written or deleted, by what came of it.',
    labels: {
      namespace: namespaces,
      operation: ['get', 'set', 'delete'],
      outcome: ['hit', 'miss', 'stale', 'stored', 'deleted', 'error'],
      layer: ['l1', 'l2', 'fallback'],
    },
  });
  const refreshFailures = instruments.counter({
    name: 'holdfast_cache_refresh_failures_total',
    help: 'Loaders that failed while their callers were served what was there.',
    labels: { namespace: namespaces },
  });
  const unstored = instruments.counter({
    name: 'holdfast_cache_unstored_total',
    help: 'Values that loaders returned, and that were given to their callers without being stored.',
    labels: { namespace: namespaces, reason: ['l2-failed', 'too-large', 'not-serializable'] },
  });
  const evictions = instruments.counter({
    name: 'holdfast_cache_evictions_total',
    help: 'Entries that this process removed because their namespace had more than maxEntries.',
    labels: { namespace: namespaces },
  });
  const reads = instruments.counter({
    name: 'holdfast_cache_access_counts_total',
    help: 'Reads in the batches of access counts, by what came of the batch.',
    labels: { outcome: ['written', 'kept', 'dropped'] },
  });
  const foreign = instruments.counter({
    name: 'holdfast_cache_foreign_total',
    help: 'Keys that were asked for and held something that no cache has written, which reads as a miss.',
    labels: { namespace: namespaces },
  });
  const channels = instruments.channels<CacheChannels>();
  channels.on('holdfast:cache:operation', ({ count, ...labels }) => operations.add(count, labels));
  channels.on('holdfast:cache:refresh-failed', ({ namespace }) => refreshFailures.add(1, { namespace }));
  channels.on('holdfast:cache:unstored', ({ namespace, reason }) => unstored.add(1, { namespace, reason }));
  channels.on('holdfast:cache:foreign', ({ namespace }) => foreign.add(1, { namespace }));
  channels.on('holdfast:cache:eviction', ({ namespace, count }) => evictions.add(count, { namespace }));
  channels.on('holdfast:cache:access-flush', ({ outcome, hits }) => reads.add(hits, { outcome }));

  const startOperations = (namespace: string, { hasFallback, l1 }: CountedCaches): void => {
    for (const operation of operationNames) {
      for (const outcome of outcomes[operation]) {
        const labels = { namespace, operation, outcome };
        operations.startAtZero({ ...labels, layer: 'l2' });
        if (hasFallback) operations.startAtZero({ ...labels, layer: 'fallback' });
        const isHit = outcome === 'hit' || outcome === 'stale';
        if (isHit && l1.maxBytes > 0) operations.startAtZero({ ...labels, layer: 'l1' });
      }
    }
  };
  return (caches) => {
    reads.startAtZero();
    for (const namespace of caches.names()) {
      startOperations(namespace, caches);
      for (const counter of [refreshFailures, unstored, evictions, foreign]) counter.startAtZero({ namespace });
    }
  };
}
