import type { CacheChannels } from '@holdfast/cache';
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';
import { BoundedLabel } from './labels.ts';
import type { Subscriptions } from './subscriptions.ts';

/** Counts what the cache publishes. */
export function countCacheOperations(registry: Registry, subscriptions: Subscriptions<CacheChannels>): void {
  const operations = new Counter({
    name: 'holdfast_cache_operations_total',
    help: 'Keys that were read, written or deleted, by what came of it.',
    labelNames: ['namespace', 'operation', 'outcome', 'layer'],
    registers: [registry],
  });
  const namespaces = new BoundedLabel(300);
  subscriptions.on('holdfast:cache:operation', ({ namespace, operation, outcome, layer, count }) => {
    operations.inc({ namespace: namespaces.of(namespace), operation, outcome, layer }, count);
  });
  const refreshFailures = new Counter({
    name: 'holdfast_cache_refresh_failures_total',
    help: 'Loaders that failed while their callers were served what was there.',
    labelNames: ['namespace'],
    registers: [registry],
  });
  subscriptions.on('holdfast:cache:refresh-failed', ({ namespace }) => {
    refreshFailures.inc({ namespace: namespaces.of(namespace) });
  });
  const evictions = new Counter({
    name: 'holdfast_cache_evictions_total',
    help: 'Entries that this process removed because their namespace had more than maxEntries.',
    labelNames: ['namespace'],
    registers: [registry],
  });
  subscriptions.on('holdfast:cache:eviction', ({ namespace, count }) => {
    evictions.inc({ namespace: namespaces.of(namespace) }, count);
  });
  const reads = new Counter({
    name: 'holdfast_cache_access_counts_total',
    help: 'Reads in the batches of access counts, by what came of the batch.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  subscriptions.on('holdfast:cache:access-flush', ({ outcome, hits }) => reads.inc({ outcome }, hits));
}
