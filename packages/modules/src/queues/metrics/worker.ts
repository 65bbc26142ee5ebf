import type { ConsumerStatus } from '@holdfast/queue';
import { BoundedLabel, type Instruments } from '@holdfast/telemetry';

/** What a worker says of itself. */
export interface WorkerReading {
  /** One entry a queue. */
  status(): Readonly<Record<string, Pick<ConsumerStatus, 'running' | 'active' | 'slots'>>>;
  /** How many jobs it runs at once at most, over all its queues. */
  readonly maxActiveJobs: number;
  /** The queues whose jobs wait although the worker could run them. */
  stuck(): readonly string[];
}

/** Has each scrape read what the worker of this process says of its queues: a fetch loop that stands still shows as 0. */
export function measureWorker(worker: WorkerReading, instruments: Instruments): void {
  const queues = new BoundedLabel(1000);
  const consuming = instruments.gauge({
    name: 'holdfast_worker_consuming',
    help: '1 while this worker takes jobs of the queue, 0 while it does not.',
    labels: { queue: queues },
  });
  const active = instruments.gauge({
    name: 'holdfast_worker_active_jobs',
    help: 'Jobs of the queue that run in this worker.',
    labels: { queue: queues },
  });
  const slots = instruments.gauge({
    name: 'holdfast_worker_slots',
    help: 'How many jobs of the queue run in this worker at most.',
    labels: { queue: queues },
  });
  instruments
    .gauge({ name: 'holdfast_worker_max_active_jobs', help: 'How many jobs of all queues run in this worker at most.' })
    .set(worker.maxActiveJobs);
  instruments.onScrape(() => {
    const stuck = worker.stuck();
    for (const [queue, { running, active: jobs, slots: most }] of Object.entries(worker.status())) {
      consuming.set(running && !stuck.includes(queue) ? 1 : 0, { queue });
      active.set(jobs, { queue });
      slots.set(most, { queue });
    }
  });
}
