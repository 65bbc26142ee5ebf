import { Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { BoundedLabel, methodLabel, statusLabel } from './labels.ts';

export class HttpMetrics {
  readonly #duration: Histogram<'method' | 'route' | 'status'>;
  #inFlight = 0;
  readonly #routes = new BoundedLabel(300);

  constructor(registry: Registry) {
    const registers = [registry];
    this.#duration = new Histogram({
      name: 'holdfast_http_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its answer, or until its caller left (status 499).',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
    // Counted by hand, and told when it is asked for: twice a request is too often for a lookup by labels.
    const inFlight = (): number => this.#inFlight;
    const gauge = new Gauge({
      name: 'holdfast_http_requests_in_flight',
      help: 'Requests that have arrived and are not answered yet, and whose callers are still there.',
      registers: [],
      collect() {
        this.set(inFlight());
      },
    });
    registry.registerMetric(gauge);
  }

  finished(route: string | undefined, method: string, status: number, seconds: number): void {
    const labels = {
      method: methodLabel(method),
      route: route === undefined ? 'unmatched' : this.#routes.of(route),
      status: statusLabel(status),
    };
    this.#duration.observe(labels, Math.max(0, seconds));
  }

  inFlight(change: 1 | -1): void {
    this.#inFlight += change;
  }
}
