import type { CacheChannels } from '@holdfast/cache';
import type { QueueChannels } from '@holdfast/queue';
import type { RedisChannels } from '@holdfast/redis-core';
import type { SourceChannels } from '@holdfast/sources';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { BatchMetrics, type BatchReading } from './batch-metrics.ts';
import { countCacheOperations } from './cache-metrics.ts';
import { HttpMetrics } from './http-metrics.ts';
import { OutboxMetrics, type OutboxReading } from './outbox-metrics.ts';
import { QueueMetrics } from './queue-metrics.ts';
import type { QueueReading } from './queue-metrics.ts';
import { RedisMetrics } from './redis-metrics.ts';
import { ScrapeHooks } from './scrape-hooks.ts';
import type { ScrapeHook } from './scrape-hooks.ts';
import { SourceMetrics } from './source-metrics.ts';
import { StandInMetrics, type StandInReading } from './stand-in-metrics.ts';
import { Subscriptions } from './subscriptions.ts';
import { WorkerMetrics, type WorkerReading } from './worker-metrics.ts';

type Channels = RedisChannels & CacheChannels & QueueChannels & SourceChannels;

export interface MetricsOptions {
  /** `api`, `worker`. */
  readonly service: string;
  readonly version?: string;
  /** How long a scrape hook may take before it is skipped. Default 1000. */
  readonly scrapeDeadlineMs?: number;
}

export interface Metrics {
  /** Of the answer that carries `text()`. */
  readonly contentType: string;
  /** All metrics in the text format of Prometheus. Runs the scrape hooks first; never waits longer than their deadline. */
  text(): Promise<string>;
  /** `route` is the template that matched (`/v1/cache/:ns/:key`), `undefined` when none did; never the URL. */
  http(route: string | undefined, method: string, status: number, seconds: number): void;
  /** 1 when a request arrives, -1 when it has been answered or has gone away. */
  httpInFlight(change: 1 | -1): void;
  /** What is known of a connection at start; from then on its engine says so itself. */
  redisUp(connection: string, available: boolean): void;
  /** What a queue looks like now. For scrape hooks: it is forgotten before the next scrape. */
  queue(name: string, reading: QueueReading): void;
  /** What is being gathered and added in this process. For scrape hooks. */
  batches(reading: BatchReading): void;
  /** What the worker of this process says of one of its queues. For scrape hooks. */
  worker(queue: string, reading: WorkerReading): void;
  /** Whether the caches of this process stand in for Redis. For scrape hooks, where they can. */
  standIn(reading: StandInReading): void;
  /** What the outbox of this process holds. For scrape hooks. */
  outbox(reading: OutboxReading): void;
  /** How many items a mirrored collection has, for a process that did not sync it itself. */
  sourceItems(source: string, count: number): void;
  /** Has `hook` run at each scrape; replies a function that ends that. */
  onScrape(hook: ScrapeHook): () => void;
  /** The same as `onScrape`. */
  addCollector(hook: ScrapeHook): () => void;
  /** Ends the subscriptions; what was counted can still be read. */
  close(): void;
}

/**
 * The metrics of a process, in a registry of their own. Subscribes to the diagnostics channels of the libraries, so
 * they know nothing of it.
 */
export function createMetrics({ service, version = 'unknown', scrapeDeadlineMs = 1000 }: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'holdfast_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['service', 'version', 'node'],
    registers: [registry],
  }).set({ service, version, node: process.version }, 1);
  const failures = new Counter({
    name: 'holdfast_scrape_collector_failures_total',
    help: 'Values that were left out of a scrape because reading them failed or took too long.',
    registers: [registry],
  });
  const rejected = new Counter({
    name: 'holdfast_telemetry_rejected_events_total',
    help: 'Events of a library that could not be counted.',
    labelNames: ['channel'],
    registers: [registry],
  });

  const subscriptions = new Subscriptions<Channels>((channel) => rejected.inc({ channel }));
  const hooks = new ScrapeHooks(scrapeDeadlineMs, () => failures.inc());
  const http = new HttpMetrics(registry);
  const redis = new RedisMetrics(registry, subscriptions);
  countCacheOperations(registry, subscriptions);
  const queues = new QueueMetrics(registry, subscriptions);
  const batches = new BatchMetrics(registry, subscriptions);
  const worker = new WorkerMetrics(registry);
  const standIn = new StandInMetrics(registry);
  const outbox = new OutboxMetrics(registry, subscriptions);
  const sources = new SourceMetrics(registry, subscriptions);

  const scrape = async (): Promise<string> => {
    queues.forget();
    await hooks.run();
    return registry.metrics();
  };
  let running: Promise<string> | undefined;

  return {
    contentType: registry.contentType,
    // Scrapes that overlap share one, so that none sees what another has just forgotten.
    text: async () => {
      running ??= scrape().finally(() => {
        running = undefined;
      });
      return running;
    },
    http: (route, method, status, seconds) => http.finished(route, method, status, seconds),
    httpInFlight: (change) => http.inFlight(change),
    redisUp: (connection, available) => redis.up(connection, available),
    queue: (name, reading) => queues.read(name, reading),
    batches: (reading) => batches.read(reading),
    worker: (queue, reading) => worker.read(queue, reading),
    standIn: (reading) => standIn.read(reading),
    outbox: (reading) => outbox.read(reading),
    sourceItems: (source, count) => sources.items(source, count),
    onScrape: (hook) => hooks.add(hook),
    addCollector: (hook) => hooks.add(hook),
    close: () => {
      subscriptions.close();
      hooks.clear();
    },
  };
}
