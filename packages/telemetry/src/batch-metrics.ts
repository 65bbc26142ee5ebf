import type { QueueChannels } from '@holdfast/queue';
import { Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { BoundedLabel } from './labels.ts';
import type { Subscriptions } from './subscriptions.ts';

/** The part of `Queues.batchStats` that is measured. */
export interface BatchReading {
  readonly activeBatches: number;
  readonly totalQueuedJobs: number;
}

/** How jobs are gathered and added, in this process. */
export class BatchMetrics {
  readonly #open: Gauge;
  readonly #unanswered: Gauge;

  constructor(registry: Registry, subscriptions: Subscriptions<QueueChannels>) {
    const registers = [registry];
    const queues = new BoundedLabel(200);
    const jobs = new Histogram({
      name: 'holdfast_queue_batch_jobs',
      help: 'Jobs that one call of the store added.',
      labelNames: ['queue'],
      buckets: [1, 2, 5, 10, 20, 50],
      registers,
    });
    this.#open = new Gauge({
      name: 'holdfast_queue_batches_open',
      help: 'Batches that are being filled or stored at this moment.',
      registers,
    });
    this.#unanswered = new Gauge({
      name: 'holdfast_queue_adds_unanswered',
      help: 'Jobs and items whose callers wait for the store at this moment.',
      registers,
    });
    subscriptions.on('holdfast:queue:batch', ({ queue, jobs: count }) =>
      jobs.observe({ queue: queues.of(queue) }, count),
    );
  }

  /** Called by a scrape hook. */
  read({ activeBatches, totalQueuedJobs }: BatchReading): void {
    this.#open.set(activeBatches);
    this.#unanswered.set(totalQueuedJobs);
  }
}
