import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

/** What a worker says of one of its queues. */
export interface WorkerReading {
  /** Whether it takes jobs, as far as it can tell itself. */
  readonly consuming: boolean;
  /** Jobs that run now. */
  readonly active: number;
}

/** What the worker of this process does. */
export class WorkerMetrics {
  readonly #registry: Registry;
  #gauges: { readonly consuming: Gauge<'queue'>; readonly active: Gauge<'queue'> } | undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Called by a scrape hook, for each queue of the worker: their names are those of the configuration. */
  read(queue: string, { consuming, active }: WorkerReading): void {
    const gauges = (this.#gauges ??= createGauges(this.#registry));
    gauges.consuming.set({ queue }, consuming ? 1 : 0);
    gauges.active.set({ queue }, active);
  }
}

function createGauges(registry: Registry) {
  const gauge = (name: string, help: string): Gauge<'queue'> =>
    new Gauge({ name, help, labelNames: ['queue'], registers: [registry] });
  return {
    consuming: gauge('holdfast_worker_consuming', '1 while this worker takes jobs of the queue, 0 while it does not.'),
    active: gauge('holdfast_worker_active_jobs', 'Jobs of the queue that run in this worker.'),
  };
}
