import type { QueueSummary } from '@holdfast/queue';
import { BoundedLabel, createMetrics, type Instruments } from '@holdfast/telemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countBatches, measureBatches } from '../../src/queues/metrics/batches.ts';
import { countJobs } from '../../src/queues/metrics/jobs.ts';
import { countOutboxEvents, measureOutbox } from '../../src/queues/metrics/outbox.ts';
import { measureQueues } from '../../src/queues/metrics/readings.ts';
import { countStoreEvents } from '../../src/queues/metrics/store.ts';
import { measureWorker } from '../../src/queues/metrics/worker.ts';
import { publish } from '../publish.ts';

let metrics: ReturnType<typeof createMetrics>;
let instruments: Instruments;
const label = new BoundedLabel(200);
beforeEach(() => {
  metrics = createMetrics({ service: 'api' });
  instruments = metrics.instruments('queues');
});
afterEach(() => metrics.close());

const lines = async (): Promise<string[]> => (await metrics.text()).split('\n');
const samples = async (name: string): Promise<string[]> => (await lines()).filter((line) => line.startsWith(name));

describe('the metrics of jobs', () => {
  it('count what happens to them, and how long it takes in seconds', async () => {
    countJobs(label, instruments);
    publish('holdfast:queue:job', { queue: 'source-sync', event: 'started', waitMs: 40 });
    publish('holdfast:queue:job', { queue: 'source-sync', event: 'completed', durationMs: 1500, attempts: 2 });
    publish('holdfast:queue:job', { queue: 'source-sync', event: 'retrying', durationMs: 500, attempts: 2 });
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'holdfast_jobs_total{queue="source-sync",event="completed"} 1',
        'holdfast_job_wait_seconds_sum{queue="source-sync"} 0.04',
        'holdfast_job_duration_seconds_sum{queue="source-sync",outcome="completed"} 1.5',
        'holdfast_job_duration_seconds_sum{queue="source-sync",outcome="retrying"} 0.5',
      ]),
    );
    // Of those only that have ended.
    expect(await samples('holdfast_job_attempts_sum')).toEqual([
      'holdfast_job_attempts_sum{queue="source-sync",outcome="completed"} 2',
    ]);
  });

  it('name an event that this version does not know "other"', async () => {
    countJobs(label, instruments);
    publish('holdfast:queue:job', { queue: 'source-sync', event: 'teleported' as 'added' });
    expect(await samples('holdfast_jobs_total')).toEqual(['holdfast_jobs_total{queue="source-sync",event="other"} 1']);
  });
});

describe('the metrics of the store', () => {
  it('say that it is there and that it went', async () => {
    countStoreEvents(label, instruments);
    publish('holdfast:queue:availability', { available: true });
    expect(await samples('holdfast_queue_store_up')).toEqual(['holdfast_queue_store_up 1']);
    publish('holdfast:queue:availability', { available: false });
    expect(await samples('holdfast_queue_store_up')).toEqual(['holdfast_queue_store_up 0']);
  });

  it('count what goes wrong in the background', async () => {
    countStoreEvents(label, instruments);
    publish('holdfast:queue:error', { queue: 'source-sync', part: 'consumer', error: new Error('lost') });
    expect(await samples('holdfast_queue_errors_total')).toEqual([
      'holdfast_queue_errors_total{queue="source-sync",part="consumer"} 1',
    ]);
  });
});

describe('the metrics of a queue', () => {
  const counts = { waiting: 2, prioritized: 3, active: 1, delayed: 0, completed: 9, failed: 4, waitingChildren: 0 };
  const summary = { name: 'source-sync', counts, oldestWaitingAgeMs: 1500, workers: 2, paused: false } as QueueSummary;

  function measure(summaries: () => Promise<QueueSummary[]>): void {
    measureQueues({ summaries }, label, instruments);
  }

  it('are read at each scrape', async () => {
    measure(async () => [summary]);
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'holdfast_queue_jobs{queue="source-sync",state="waiting"} 2',
        'holdfast_queue_jobs{queue="source-sync",state="failed"} 4',
        'holdfast_queue_backlog{queue="source-sync"} 5',
        'holdfast_queue_oldest_waiting_age_seconds{queue="source-sync"} 1.5',
        'holdfast_queue_workers{queue="source-sync"} 2',
        'holdfast_queue_paused{queue="source-sync"} 0',
        'holdfast_queue_dead_letters{queue="source-sync"} 4',
      ]),
    );
  });

  it('show no figure that could not be read now', async () => {
    let isAway = false;
    measure(async () => (isAway ? Promise.reject(new Error('Redis is away')) : [summary]));
    expect(await samples('holdfast_queue_')).not.toEqual([]);
    isAway = true;
    expect(await samples('holdfast_queue_')).toEqual([]);
  });

  it('show no age of one that is paused: nothing of it could run', async () => {
    measure(async () => [{ ...summary, paused: true }]);
    expect(await samples('holdfast_queue_paused')).toEqual(['holdfast_queue_paused{queue="source-sync"} 1']);
    expect(await samples('holdfast_queue_oldest_waiting_age_seconds')).toEqual([
      'holdfast_queue_oldest_waiting_age_seconds{queue="source-sync"} 0',
    ]);
  });
});

describe('the metrics of a process that adds jobs', () => {
  it('tell how many jobs a call of the store added, so that the average can be had', async () => {
    countBatches(label, instruments);
    measureBatches({ batchStats: () => ({ activeBatches: 2, totalQueuedJobs: 31, batchesByType: {} }) }, instruments);
    for (const jobs of [1, 50, 9]) publish('holdfast:queue:batch', { queue: 'http-delivery', jobs });
    const name = 'holdfast_queue_batch_jobs';
    expect(await lines()).toEqual(
      expect.arrayContaining([
        `${name}_sum{queue="http-delivery"} 60`,
        `${name}_count{queue="http-delivery"} 3`,
        `${name}_bucket{le="10",queue="http-delivery"} 2`,
        'holdfast_queue_batches_open 2',
        'holdfast_queue_adds_unanswered 31',
      ]),
    );
  });

  it('tell what its outbox holds and may hold', async () => {
    countOutboxEvents(label, instruments);
    const status = { waiting: 1, setAside: 2, bytes: 400, maxBytes: 1000, oldestAgeMs: 5000, accepting: true };
    measureOutbox({ status }, instruments);
    publish('holdfast:queue:outbox', { queue: 'source-sync', event: 'accepted', count: 3 });
    expect((await lines()).filter((line) => line.startsWith('holdfast_outbox_'))).toEqual([
      'holdfast_outbox_jobs_total{queue="source-sync",event="accepted"} 3',
      'holdfast_outbox_jobs{state="waiting"} 1',
      'holdfast_outbox_jobs{state="set-aside"} 2',
      'holdfast_outbox_bytes 400',
      'holdfast_outbox_max_bytes 1000',
      'holdfast_outbox_oldest_age_seconds 5',
      'holdfast_outbox_accepting 1',
    ]);
  });
});

describe('the metrics of a worker', () => {
  it('say of a fetch loop that stands still that it does not consume, although it was never stopped', async () => {
    const worker = {
      status: () => ({
        'source-sync': { running: true, active: 0, slots: 1 },
        'http-delivery': { running: true, active: 2, slots: 20 },
      }),
      maxActiveJobs: 20,
      stuck: () => ['source-sync'],
    };
    measureWorker(worker, instruments);
    expect(await samples('holdfast_worker_')).toEqual([
      'holdfast_worker_consuming{queue="source-sync"} 0',
      'holdfast_worker_consuming{queue="http-delivery"} 1',
      'holdfast_worker_active_jobs{queue="source-sync"} 0',
      'holdfast_worker_active_jobs{queue="http-delivery"} 2',
      'holdfast_worker_slots{queue="source-sync"} 1',
      'holdfast_worker_slots{queue="http-delivery"} 20',
      'holdfast_worker_max_active_jobs 20',
    ]);
  });
});
