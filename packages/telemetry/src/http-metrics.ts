import type { Histogram, Instruments } from './instruments.ts';
import { BoundedLabel, type LabelValues, other } from './labels.ts';

const methods: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** `200`, `404`, …; `other` for what is no status of HTTP. */
const statuses: LabelValues = { of: (status) => (/^[1-5]\d\d$/.test(status) ? status : other) };

export class HttpMetrics {
  readonly #duration: Histogram<{ readonly method: string; readonly route: string; readonly status: string }>;
  #inFlight = 0;

  constructor(instruments: Instruments) {
    this.#duration = instruments.histogram({
      name: 'holdfast_http_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its answer, or until its caller left (status 499).',
      labels: { method: methods, route: new BoundedLabel(300), status: statuses },
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    });
    const inFlight = instruments.gauge({
      name: 'holdfast_http_requests_in_flight',
      help: 'Requests that have arrived and are not answered yet, and whose callers are still there.',
    });
    // Counted by hand, and told when it is asked for: twice a request is too often for a lookup by labels.
    instruments.onScrape(() => inFlight.set(this.#inFlight));
  }

  finished(route: string | undefined, method: string, status: number, seconds: number): void {
    this.#duration.observe(Math.max(0, seconds), { method, route: route ?? 'unmatched', status: String(status) });
  }

  inFlight(change: 1 | -1): void {
    this.#inFlight += change;
  }
}
