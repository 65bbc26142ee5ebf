import type { CacheChannels } from '@holdfast/cache';
import { BoundedLabel, type Instruments } from '@holdfast/telemetry';

/** Counts what the cache publishes. */
export function countOperations(instruments: Instruments): void {
  const namespaces = new BoundedLabel(300);
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
}
