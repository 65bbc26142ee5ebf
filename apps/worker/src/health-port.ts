import { HealthThread } from '@holdfast/runtime';
import type { Logger, Metrics } from '@holdfast/telemetry';
import { workerProbes, workerReport, type HealthSources } from './health.ts';

/**
 * A job may keep the event loop for as long as its time-out says. Where none runs, one that went on after its own may still be
 * at it: for so long nobody is to end the process because of that.
 */
const longestSilenceMs = 15 * 60_000;

export interface HealthPortOptions {
  /** Of the worker that is to run; asked from the opening on. */
  readonly sources: () => HealthSources;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * What probes and Prometheus ask a worker for, on a port of its own: `/health/live`, `/health/ready`, `/health` and
 * `/metrics`. None of them waits for Redis, nor for a job that keeps the event loop.
 */
export function buildHealthPort({ sources, metrics, logger }: HealthPortOptions): HealthThread {
  return new HealthThread({
    logger,
    probes: () => workerProbes(sources()),
    reports: {
      '/health': async () => {
        const report = workerReport(sources());
        const status = report.status === 'down' ? 503 : 200;
        return { status, contentType: 'application/json; charset=utf-8', body: JSON.stringify(report) };
      },
      '/metrics': async () => ({ status: 200, contentType: metrics.contentType, body: await metrics.text() }),
    },
    patienceMs: longestSilenceMs,
  });
}
