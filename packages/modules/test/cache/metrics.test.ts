import { createMetrics } from '@holdfast/telemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { measureFallback } from '../../src/cache/metrics/fallback.ts';
import { countOperations } from '../../src/cache/metrics/operations.ts';
import { publish } from '../publish.ts';

let metrics: ReturnType<typeof createMetrics>;
beforeEach(() => {
  metrics = createMetrics({ service: 'api' });
});
afterEach(() => metrics.close());

const lines = async (): Promise<string[]> => (await metrics.text()).split('\n');

describe('the metrics of the cache', () => {
  it('count operations by namespace, outcome and layer', async () => {
    countOperations(metrics.instruments('cache'));
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
    countOperations(metrics.instruments('cache'));
    for (let index = 0; index < 500; index += 1) {
      const hit = { operation: 'get', outcome: 'hit', layer: 'l2', count: 1 } as const;
      publish('holdfast:cache:operation', { ...hit, namespace: `n${index}` });
    }
    const samples = (await lines()).filter((line) => line.startsWith('holdfast_cache_operations_total'));
    expect(samples).toHaveLength(301);
  });

  it('say whether the caches serve without Redis, and what they have to tell it', async () => {
    measureFallback({ isOnFallback: true, pendingInvalidations: 7 }, metrics.instruments('cache'));
    expect(await lines()).toEqual(
      expect.arrayContaining(['holdfast_cache_standing_in 1', 'holdfast_cache_invalidations_waiting 7']),
    );
  });
});
