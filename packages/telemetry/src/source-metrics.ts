import type { SourceChannels, SourceSyncEvent } from '@holdfast/sources';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { BoundedLabel, other } from './labels.ts';
import type { Subscriptions } from './subscriptions.ts';

export class SourceMetrics {
  readonly #syncs: Counter<'source' | 'outcome'>;
  readonly #duration: Histogram<'source' | 'outcome'>;
  readonly #changes: Counter<'source' | 'change'>;
  readonly #lastSuccess: Gauge<'source'>;
  readonly #items: Gauge<'source'>;
  readonly #sources = new BoundedLabel(200);

  constructor(registry: Registry, subscriptions: Subscriptions<SourceChannels>) {
    const registers = [registry];
    this.#syncs = new Counter({
      name: 'holdfast_source_syncs_total',
      help: 'Syncs of mirrored collections that ended in this process.',
      labelNames: ['source', 'outcome'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'holdfast_source_sync_duration_seconds',
      help: 'How long a sync took.',
      labelNames: ['source', 'outcome'],
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
      registers,
    });
    this.#changes = new Counter({
      name: 'holdfast_source_sync_items_total',
      help: 'Items that syncs fetched, and what became of them.',
      labelNames: ['source', 'change'],
      registers,
    });
    this.#lastSuccess = new Gauge({
      name: 'holdfast_source_sync_last_success_timestamp_seconds',
      help: 'When the last successful sync of this process ended, in Unix time.',
      labelNames: ['source'],
      registers,
    });
    this.#items = new Gauge({
      name: 'holdfast_source_items',
      help: 'Items of the collection at the last successful sync.',
      labelNames: ['source'],
      registers,
    });
    subscriptions.on('holdfast:sources:sync', (event) => this.#synced(event));
  }

  items(name: string, count: number): void {
    const source = this.#sources.of(name);
    if (source !== other) this.#items.set({ source }, count);
  }

  #synced({ source: name, outcome, durationMs, ...counts }: SourceSyncEvent): void {
    const source = this.#sources.of(name);
    this.#syncs.inc({ source, outcome });
    this.#duration.observe({ source, outcome }, durationMs / 1000);
    for (const change of ['fetched', 'updated', 'unchanged', 'deleted'] as const) {
      this.#changes.inc({ source, change }, counts[change]);
    }
    if (outcome !== 'ok' || source === other) return;
    this.#lastSuccess.set({ source }, Date.now() / 1000);
    this.items(name, counts.fetched);
  }
}
