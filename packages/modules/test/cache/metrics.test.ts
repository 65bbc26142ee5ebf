import { BoundedLabel, createMetrics } from '@holdfast/telemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { measureFallback } from '../../src/cache/metrics/fallback.ts';
import { countOperations } from '../../src/cache/metrics/operations.ts';
import { measureSizes } from '../../src/cache/metrics/sizes.ts';
import { publish } from '../publish.ts';

let metrics: ReturnType<typeof createMetrics>;
beforeEach(() => {
  metrics = createMetrics({ service: 'api' });
});
afterEach(() => metrics.close());

const lines = async (): Promise<string[]> => (await metrics.text()).split('\n');

describe('the metrics of the cache', () => {
  it('count operations by namespace, outcome and layer', async () => {
    countOperations(new BoundedLabel(300), metrics.instruments('cache'));
    const hit = { namespace: 'products', operation: 'get', outcome: 'hit', layer: 'l2', count: 3 } as const;
    publish('holdfast:cache:operation', hit);
    publish('holdfast:cache:access-flush', { outcome: 'kept', keys: 1, hits: 40 });
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'holdfast_cache_operations_total{namespace="products",operation="get",outcome="hit",layer="l2"} 3',
        'holdfast_cache_access_counts_total{outcome="kept"} 40',
      ]),
    );
  });

  it('have a bounded number of namespaces', async () => {
    countOperations(new BoundedLabel(300), metrics.instruments('cache'));
    for (let index = 0; index < 500; index += 1) {
      const hit = { operation: 'get', outcome: 'hit', layer: 'l2', count: 1 } as const;
      publish('holdfast:cache:operation', { ...hit, namespace: `n${index}` });
    }
    const samples = (await lines()).filter((line) => line.startsWith('holdfast_cache_operations_total'));
    expect(samples).toHaveLength(301);
  });

  it('begin at 0 for all that may happen to a namespace, and for nothing that cannot', async () => {
    const start = countOperations(new BoundedLabel(300), metrics.instruments('cache'));
    start({ names: () => ['products'], hasFallback: false, l1: { bytes: 0, maxBytes: 0 } });
    const shown = (await lines()).filter((line) => line.startsWith('holdfast_cache_operations_total'));
    const name = 'holdfast_cache_operations_total{namespace="products"';
    expect(shown).toEqual([
      `${name},operation="get",outcome="hit",layer="l2"} 0`,
      `${name},operation="get",outcome="stale",layer="l2"} 0`,
      `${name},operation="get",outcome="miss",layer="l2"} 0`,
      `${name},operation="get",outcome="error",layer="l2"} 0`,
      `${name},operation="set",outcome="stored",layer="l2"} 0`,
      `${name},operation="set",outcome="error",layer="l2"} 0`,
      `${name},operation="delete",outcome="deleted",layer="l2"} 0`,
      `${name},operation="delete",outcome="error",layer="l2"} 0`,
    ]);
    start({ names: () => ['products'], hasFallback: true, l1: { bytes: 0, maxBytes: 1000 } });
    const all = await lines();
    for (const labels of [
      'operation="get",outcome="hit",layer="l1"',
      'operation="get",outcome="miss",layer="fallback"',
    ]) {
      expect(all).toContain(`${name},${labels}} 0`);
    }
    for (const other of ['evictions', 'foreign', 'refresh_failures']) {
      expect(all).toContain(`holdfast_cache_${other}_total{namespace="products"} 0`);
    }
    expect(all).toContain('holdfast_cache_unstored_total{namespace="products",reason="too-large"} 0');
    expect(all).toContain('holdfast_cache_access_counts_total{outcome="dropped"} 0');
  });

  it('tell what is kept, in this process and in each namespace, and how much that may be', async () => {
    const size = { entries: 7, countedAt: 1, isEstimate: false };
    const caches = {
      names: () => ['products', 'prompts'],
      l1: { bytes: 640, maxBytes: 1000 },
      maxEntriesOf: (name: string) => (name === 'products' ? 10 : undefined),
      glanceAtSizes: async () => new Map([['products', size]]),
    };
    measureSizes(caches, new BoundedLabel(300), metrics.instruments('cache'));
    const shown = (await lines()).filter((line) => line.startsWith('holdfast_cache_'));
    expect(shown).toEqual([
      'holdfast_cache_l1_bytes 640',
      'holdfast_cache_l1_max_bytes 1000',
      'holdfast_cache_max_entries{namespace="products"} 10',
      'holdfast_cache_entries{namespace="products"} 7',
    ]);
  });

  it('say whether the caches serve without Redis, and what they have to tell it', async () => {
    measureFallback({ isOnFallback: true, pendingInvalidations: 7 }, metrics.instruments('cache'));
    expect(await lines()).toEqual(
      expect.arrayContaining(['holdfast_cache_standing_in 1', 'holdfast_cache_invalidations_waiting 7']),
    );
  });
});
