import type { QueueChannels, QueueJobEvent } from '@holdfast/queue';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { BoundedLabel, other } from './labels.ts';
import type { Subscriptions } from './subscriptions.ts';

/** The part of a queue's summary that is measured. */
export interface QueueReading {
  /** Jobs by state, as in `QueueSummary.counts`. */
  readonly counts: Readonly<Partial<Record<QueueState, number>>>;
  readonly oldestWaitingAgeMs: number;
  readonly workers: number;
  readonly paused?: boolean;
}

const states = ['waiting', 'prioritized', 'active', 'delayed', 'completed', 'failed', 'waitingChildren'] as const;
export type QueueState = (typeof states)[number];

/** The values of the label `event`; docs/reference/metrics.md says what each means. */
const events: ReadonlySet<string> = new Set(
  'added duplicate started completed failed retrying stalled rescued crashed cancelled expired'.split(' '),
);
const ends: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'expired']);

export class QueueMetrics {
  readonly #events: Counter<'queue' | 'event'>;
  readonly #wait: Histogram<'queue'>;
  readonly #duration: Histogram<'queue' | 'outcome'>;
  readonly #attempts: Histogram<'queue' | 'outcome'>;
  readonly #jobs: Gauge<'queue' | 'state'>;
  readonly #oldest: Gauge<'queue'>;
  readonly #backlog: Gauge<'queue'>;
  readonly #workers: Gauge<'queue'>;
  readonly #paused: Gauge<'queue'>;
  readonly #deadLetters: Gauge<'queue'>;
  readonly #queues = new BoundedLabel(200);
  readonly #known = new Set<string>();

  constructor(registry: Registry, subscriptions: Subscriptions<QueueChannels>) {
    const gauge = (name: string, help: string): Gauge<'queue'> =>
      new Gauge({ name, help, labelNames: ['queue'], registers: [registry] });
    const buckets = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];
    this.#events = new Counter({
      name: 'holdfast_jobs_total',
      help: 'What happened to jobs, in this process.',
      labelNames: ['queue', 'event'],
      registers: [registry],
    });
    this.#wait = new Histogram({
      name: 'holdfast_job_wait_seconds',
      help: 'Time from when a job could run until it did.',
      labelNames: ['queue'],
      buckets,
      registers: [registry],
    });
    this.#duration = new Histogram({
      name: 'holdfast_job_duration_seconds',
      help: 'How long an attempt ran.',
      labelNames: ['queue', 'outcome'],
      buckets,
      registers: [registry],
    });
    this.#attempts = new Histogram({
      name: 'holdfast_job_attempts',
      help: 'How many attempts it took until the job ended.',
      labelNames: ['queue', 'outcome'],
      buckets: [1, 2, 3, 4, 5, 8, 12, 20, 50, 100],
      registers: [registry],
    });
    this.#jobs = new Gauge({
      name: 'holdfast_queue_jobs',
      help: 'Jobs in the queue by state.',
      labelNames: ['queue', 'state'],
      registers: [registry],
    });
    this.#oldest = gauge(
      'holdfast_queue_oldest_waiting_age_seconds',
      'How long the job that waits longest could have run already; 0 when none could run, and while paused.',
    );
    this.#backlog = gauge('holdfast_queue_backlog', 'Jobs that could run now and do not yet.');
    this.#workers = gauge('holdfast_queue_workers', 'Workers that are connected, in all processes.');
    this.#paused = gauge('holdfast_queue_paused', '1 while the queue is paused.');
    this.#deadLetters = gauge('holdfast_queue_dead_letters', 'Ended for good without success, and kept.');
    const errors = new Counter({
      name: 'holdfast_queue_errors_total',
      help: 'Background errors of queues and workers, such as a lost connection.',
      labelNames: ['queue', 'part'],
      registers: [registry],
    });
    const store = new Gauge({
      name: 'holdfast_queue_store_up',
      help: '1 while the store of the queues is connected, 0 while it is not.',
      registers: [registry],
    });
    subscriptions.on('holdfast:queue:availability', ({ available }) => store.set(available ? 1 : 0));
    subscriptions.on('holdfast:queue:job', (event) => this.#job(event));
    subscriptions.on('holdfast:queue:error', ({ queue, part }) => {
      errors.inc({ queue: this.#queues.of(queue), part });
    });
  }

  /** Called by a scrape hook, for each queue. */
  read(name: string, { counts, oldestWaitingAgeMs, workers, paused = false }: QueueReading): void {
    const queue = this.#queues.of(name);
    // More queues than labels: a gauge of several queues would show one of them.
    if (queue === other) return;
    this.#startAtZero(queue);
    for (const state of states) this.#jobs.set({ queue, state }, counts[state] ?? 0);
    this.#backlog.set({ queue }, (counts.waiting ?? 0) + (counts.prioritized ?? 0));
    this.#oldest.set({ queue }, paused ? 0 : oldestWaitingAgeMs / 1000);
    this.#workers.set({ queue }, workers);
    this.#paused.set({ queue }, paused ? 1 : 0);
    // A queue keeps its dead letters as failed jobs.
    this.#deadLetters.set({ queue }, counts.failed ?? 0);
  }

  /** Forgets what was read: no figure is better than one that nobody could confirm. */
  forget(): void {
    const gauges = [this.#jobs, this.#backlog, this.#oldest, this.#workers, this.#paused, this.#deadLetters];
    for (const gauge of gauges) gauge.reset();
  }

  /** Prometheus sees no increase in a counter that begins with 1, so the first crash of a job would be missed. */
  #startAtZero(queue: string): void {
    if (this.#known.has(queue)) return;
    this.#known.add(queue);
    for (const event of events) this.#events.inc({ queue, event }, 0);
  }

  #job({ queue: name, event: kind, waitMs, durationMs, attempts }: QueueJobEvent): void {
    const queue = this.#queues.of(name);
    const event = events.has(kind) ? kind : other;
    this.#events.inc({ queue, event });
    if (attempts !== undefined && ends.has(event)) this.#attempts.observe({ queue, outcome: event }, attempts);
    if (waitMs !== undefined) this.#wait.observe({ queue }, Math.max(0, waitMs) / 1000);
    if (durationMs !== undefined) this.#duration.observe({ queue, outcome: event }, durationMs / 1000);
  }
}
