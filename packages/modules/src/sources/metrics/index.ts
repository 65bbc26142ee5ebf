import type { SourceChannels } from '@holdfast/sources';
import { BoundedLabel, type Instruments } from '@holdfast/telemetry';
import type { ModuleMetrics } from '../../module.ts';
import type { SourcesPart } from '../create.ts';

const changes = ['fetched', 'updated', 'unchanged', 'deleted'] as const;

/** Counts the syncs of this process. */
export function sourceMetrics(instruments: Instruments): ModuleMetrics<SourcesPart> {
  const sources = new BoundedLabel(200);
  const outcome = ['ok', 'failed'] as const;
  const syncs = instruments.counter({
    name: 'holdfast_source_syncs_total',
    help: 'Syncs of mirrored collections that ended in this process.',
    labels: { source: sources, outcome },
  });
  const duration = instruments.histogram({
    name: 'holdfast_source_sync_duration_seconds',
    help: 'How long a sync took.',
    labels: { source: sources, outcome },
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
  });
  const itemsByChange = instruments.counter({
    name: 'holdfast_source_sync_items_total',
    help: 'Items that syncs fetched, and what became of them.',
    labels: { source: sources, change: changes },
  });
  const lastSuccess = instruments.gauge({
    name: 'holdfast_source_sync_last_success_timestamp_seconds',
    help: 'When the last successful sync of this process ended, in Unix time.',
    labels: { source: sources },
  });
  const items = instruments.gauge({
    name: 'holdfast_source_items',
    help: 'Items of the collection at the last successful sync.',
    labels: { source: sources },
  });
  instruments.channels<SourceChannels>().on('holdfast:sources:sync', (sync) => {
    const { source } = sync;
    syncs.add(1, { source, outcome: sync.outcome });
    duration.observe(sync.durationMs / 1000, { source, outcome: sync.outcome });
    for (const change of changes) itemsByChange.add(sync[change], { source, change });
    if (sync.outcome !== 'ok') return;
    lastSuccess.set(Date.now() / 1000, { source });
    items.set(sync.fetched, { source });
  });
  return {
    read({ sources: mirrored }) {
      for (const source of mirrored.names()) {
        syncs.startAtZero({ source });
        itemsByChange.startAtZero({ source });
      }
    },
  };
}
