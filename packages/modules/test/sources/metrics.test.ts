import { createMetrics } from '@holdfast/telemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sourceMetrics } from '../../src/sources/metrics/index.ts';
import { publish } from '../publish.ts';

let metrics: ReturnType<typeof createMetrics>;
beforeEach(() => {
  metrics = createMetrics({ service: 'api' });
  sourceMetrics(metrics.instruments('sources'));
});
afterEach(() => metrics.close());

const samples = async (name: string): Promise<string[]> =>
  (await metrics.text()).split('\n').filter((line) => line.startsWith(name));

function publishSuccess(): void {
  const counts = { fetched: 500, updated: 20, unchanged: 480, deleted: 2 };
  publish('holdfast:sources:sync', { source: 'instances', outcome: 'ok', durationMs: 2500, ...counts });
}

describe('the metrics of sources', () => {
  it('count syncs, how long they took, and what became of the items', async () => {
    publishSuccess();
    expect(await samples('holdfast_source_')).toEqual(
      expect.arrayContaining([
        'holdfast_source_syncs_total{source="instances",outcome="ok"} 1',
        'holdfast_source_sync_duration_seconds_sum{source="instances",outcome="ok"} 2.5',
        'holdfast_source_sync_items_total{source="instances",change="deleted"} 2',
        'holdfast_source_items{source="instances"} 500',
      ]),
    );
  });

  it('keep the last success and the items through a failed sync', async () => {
    publishSuccess();
    const before = await samples('holdfast_source_sync_last_success_timestamp_seconds');
    const counts = { fetched: 100, updated: 0, unchanged: 0, deleted: 0 };
    const failed = { outcome: 'failed', durationMs: 10, code: 'UPSTREAM_FAILED', ...counts } as const;
    publish('holdfast:sources:sync', { source: 'instances', ...failed });
    expect(await samples('holdfast_source_items')).toEqual(['holdfast_source_items{source="instances"} 500']);
    expect(await samples('holdfast_source_sync_last_success_timestamp_seconds')).toEqual(before);
  });
});
