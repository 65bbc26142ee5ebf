import type { QueueCounts, Queues } from '@holdfast/queue';
import type { BoundedLabel, Gauge, Instruments } from '@holdfast/telemetry';

const states = [
  'waiting',
  'prioritized',
  'active',
  'delayed',
  'completed',
  'failed',
  'waitingChildren',
] as const satisfies readonly (keyof QueueCounts)[];

/** What each queue looks like at a scrape. */
export function measureQueues(queues: Pick<Queues, 'summaries'>, label: BoundedLabel, instruments: Instruments): void {
  const gauge = (name: string, help: string): Gauge<{ readonly queue: string }> =>
    instruments.gauge({ name, help, labels: { queue: label }, isReadAtScrape: true });
  const byState = instruments.gauge({
    name: 'holdfast_queue_jobs',
    help: 'Jobs in the queue by state.',
    labels: { queue: label, state: states },
    isReadAtScrape: true,
  });
  const oldest = gauge(
    'holdfast_queue_oldest_waiting_age_seconds',
    'How long the job that waits longest could have run already; 0 when none could run, and while paused.',
  );
  const backlog = gauge('holdfast_queue_backlog', 'Jobs that could run now and do not yet.');
  const workers = gauge(
    'holdfast_queue_workers',
    'Workers that have said lately that they are there, in all processes.',
  );
  const isPaused = gauge('holdfast_queue_paused', '1 while the queue is paused.');
  const deadLetters = gauge('holdfast_queue_dead_letters', 'Ended for good without success, and kept.');
  instruments.onScrape(async () => {
    for (const { name: queue, counts, oldestWaitingAgeMs, workers: connected, paused } of await queues.summaries()) {
      for (const state of states) byState.set(counts[state], { queue, state });
      backlog.set(counts.waiting + counts.prioritized, { queue });
      oldest.set(paused ? 0 : oldestWaitingAgeMs / 1000, { queue });
      workers.set(connected, { queue });
      isPaused.set(paused ? 1 : 0, { queue });
      // A queue keeps its dead letters as failed jobs.
      deadLetters.set(counts.failed, { queue });
    }
  });
}
