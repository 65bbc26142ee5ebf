import type { Metrics } from '@holdfast/telemetry';
import type { WorkerRuntime } from './worker.ts';

/** Has each scrape read what a worker says of its queues: a fetch loop that stands still shows as 0. */
export function measureWorker(worker: Pick<WorkerRuntime, 'status' | 'stuck'>, metrics: Metrics): () => void {
  return metrics.onScrape(() => {
    const stuck = worker.stuck();
    for (const [queue, { running, active }] of Object.entries(worker.status())) {
      metrics.worker(queue, { consuming: running && !stuck.includes(queue), active });
    }
  });
}
