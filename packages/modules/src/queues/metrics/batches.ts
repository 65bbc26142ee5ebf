import type { QueueChannels, Queues } from '@holdfast/queue';
import type { BoundedLabel, Instruments } from '@holdfast/telemetry';

/** Counts the batches in which jobs are added, in this process. */
export function countBatches(queue: BoundedLabel, instruments: Instruments): void {
  const jobs = instruments.histogram({
    name: 'holdfast_queue_batch_jobs',
    help: 'Jobs that one call of the store added.',
    labels: { queue },
    buckets: [1, 2, 5, 10, 20, 50],
  });
  instruments
    .channels<QueueChannels>()
    .on('holdfast:queue:batch', (batch) => jobs.observe(batch.jobs, { queue: batch.queue }));
}

/** How many are gathered and added at a scrape. */
export function measureBatches(queues: Pick<Queues, 'batchStats'>, instruments: Instruments): void {
  const open = instruments.gauge({
    name: 'holdfast_queue_batches_open',
    help: 'Batches that are being filled or stored at this moment.',
  });
  const unanswered = instruments.gauge({
    name: 'holdfast_queue_adds_unanswered',
    help: 'Jobs and items whose callers wait for the store at this moment.',
  });
  instruments.onScrape(() => {
    const { activeBatches, totalQueuedJobs } = queues.batchStats();
    open.set(activeBatches);
    unanswered.set(totalQueuedJobs);
  });
}
