import type { QueueChannels } from '@holdfast/queue';
import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import { BoundedLabel } from './labels.ts';
import type { Subscriptions } from './subscriptions.ts';

/** The part of an outbox's status that is measured. */
export interface OutboxReading {
  readonly waiting: number;
  readonly setAside: number;
  readonly bytes: number;
  readonly maxBytes: number;
  readonly oldestAgeMs: number;
  readonly accepting: boolean;
}

/** Jobs that this process keeps while their store is away. */
export class OutboxMetrics {
  readonly #registry: Registry;
  readonly #queues = new BoundedLabel(200);
  #gauges: ReturnType<typeof createGauges> | undefined;

  constructor(registry: Registry, subscriptions: Subscriptions<QueueChannels>) {
    this.#registry = registry;
    const events = new Counter({
      name: 'holdfast_outbox_jobs_total',
      help: 'What happened to jobs whose store was away, in this process.',
      labelNames: ['queue', 'event'],
      registers: [registry],
    });
    subscriptions.on('holdfast:queue:outbox', ({ queue, event, count }) => {
      events.inc({ queue: this.#queues.of(queue), event }, count);
    });
  }

  /** Called by a scrape hook. A process without an outbox never does: one that takes no jobs is not one that is full. */
  read({ waiting, setAside, bytes, maxBytes, oldestAgeMs, accepting }: OutboxReading): void {
    const gauges = (this.#gauges ??= createGauges(this.#registry));
    gauges.jobs.set({ state: 'waiting' }, waiting);
    gauges.jobs.set({ state: 'set-aside' }, setAside);
    gauges.bytes.set(bytes);
    gauges.maxBytes.set(maxBytes);
    gauges.oldest.set(oldestAgeMs / 1000);
    gauges.accepting.set(accepting ? 1 : 0);
  }
}

function createGauges(registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  return {
    jobs: new Gauge({
      name: 'holdfast_outbox_jobs',
      help: 'Jobs on the disk of this process, by state.',
      labelNames: ['state'],
      registers,
    }),
    bytes: gauge('holdfast_outbox_bytes', 'What those jobs take.'),
    maxBytes: gauge('holdfast_outbox_max_bytes', 'What they may take.'),
    oldest: gauge('holdfast_outbox_oldest_age_seconds', 'How long the oldest has waited; 0 when none waits.'),
    accepting: gauge('holdfast_outbox_accepting', '1 while a job would be taken, 0 while it would be refused.'),
  };
}
