import { collectDefaultMetrics, Registry } from 'prom-client';
import { HttpMetrics } from './http-metrics.ts';
import type { Instruments } from './instruments.ts';
import { BoundedLabel } from './labels.ts';
import { MetricNames } from './metric-names.ts';
import { PrometheusInstruments } from './prometheus-instruments.ts';
import { type KnownConnection, RedisMetrics } from './redis-metrics.ts';
import { ScrapeHooks } from './scrape-hooks.ts';
import { Subscriptions } from './subscriptions.ts';

export interface MetricsOptions {
  /** `api`, `worker`. */
  readonly service: string;
  readonly version?: string;
  /** What it runs on: `redis`, `upstash`, `embedded`. */
  readonly mode?: string;
  /** For how long all who ask get the same text, so that asking often costs little. Default 0: as long as it takes to make it. */
  readonly textIntervalMs?: number;
  /** How long a scrape hook may take before it is skipped. Default 1000. */
  readonly scrapeDeadlineMs?: number;
}

export interface Metrics {
  /** Of the answer that carries `text()`. */
  readonly contentType: string;
  /** All metrics in the text format of Prometheus. Runs the scrape hooks first; never waits longer than their deadline. */
  text(): Promise<string>;
  /** What a part of the service counts and measures with. `owner` names the part where two declare the same metric. */
  instruments(owner: string): Instruments;
  /** A route that there is, as its template: what may come of its requests is shown from now on, beginning with 0. */
  httpServes(route: string): void;
  /** `route` is the template that matched (`/v1/cache/:ns/:key`), `undefined` when none did; never the URL. */
  http(route: string | undefined, method: string, status: number, seconds: number): void;
  /** 1 when a request arrives, -1 when it has been answered or has gone away. */
  httpInFlight(change: 1 | -1): void;
  /** What is known of a connection at start; from then on its engine says so itself. */
  redisUp(connection: string, status: KnownConnection): void;
  /** Ends the subscriptions and hooks; what was counted can still be read. */
  close(): void;
}

/** The metrics of a process, in a registry of their own: those of Node.js, HTTP and Redis, and what its parts declare. */
export function createMetrics(options: MetricsOptions): Metrics {
  const { service, version = 'unknown', mode = 'unknown', textIntervalMs = 0, scrapeDeadlineMs = 1000 } = options;
  const registry = new Registry();
  const names = new MetricNames();
  collectDefaultMetrics({ register: registry });
  for (const { name } of registry.getMetricsAsArray()) names.claim(name, 'Node.js');

  const subscriptions = new Subscriptions((channel) => rejected.add(1, { channel }));
  const hooks = new ScrapeHooks(scrapeDeadlineMs, () => failures.add(1));
  const instruments = (owner: string): Instruments =>
    new PrometheusInstruments(owner, { registry, names, subscriptions, hooks });

  const own = instruments('the process');
  own
    .gauge({
      name: 'holdfast_build_info',
      help: 'Always 1; the labels say what runs.',
      labels: {
        service: new BoundedLabel(1),
        version: new BoundedLabel(1),
        node: new BoundedLabel(1),
        mode: new BoundedLabel(1),
      },
    })
    .set(1, { service, version, node: process.version, mode });
  own
    .gauge({
      name: 'holdfast_metrics_age_seconds',
      help: 'How old all of these values are: more than 0 where the process was too busy to read them.',
    })
    .set(0);
  const failures = own.counter({
    name: 'holdfast_scrape_collector_failures_total',
    help: 'Values that were left out of a scrape because reading them failed or took too long.',
  });
  const rejected = own.counter({
    name: 'holdfast_telemetry_rejected_events_total',
    help: 'Events of a library that could not be counted.',
    labels: { channel: new BoundedLabel(1000) },
  });
  const http = new HttpMetrics(instruments('HTTP'));
  const redis = new RedisMetrics(instruments('Redis'));

  const scrape = async (): Promise<string> => {
    await hooks.run();
    return registry.metrics();
  };
  let running: Promise<string> | undefined;
  let nextAt = Number.NEGATIVE_INFINITY;

  return {
    contentType: registry.contentType,
    // Scrapes that overlap share one, so that none sees what another has just forgotten.
    text: async () => {
      if (running === undefined || performance.now() >= nextAt) {
        nextAt = Number.POSITIVE_INFINITY;
        running = scrape().finally(() => {
          nextAt = performance.now() + textIntervalMs;
        });
      }
      return running;
    },
    instruments,
    httpServes: (route) => http.serves(route),
    http: (route, method, status, seconds) => http.finished(route, method, status, seconds),
    httpInFlight: (change) => http.inFlight(change),
    redisUp: (connection, status) => redis.known(connection, status),
    close: () => {
      subscriptions.close();
      hooks.clear();
    },
  };
}
