import type { Counter, Histogram, Instruments } from './instruments.ts';
import { BoundedLabel, type LabelValues, other } from './labels.ts';

const methods: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** `200`, `404`, …; `other` for what is no status of HTTP. */
const statuses: LabelValues = { of: (status) => (/^[1-5]\d\d$/.test(status) ? status : other) };

/** What came of a request: `failed` is a 5xx, `left` a caller who was gone before the end of the answer. */
const outcomes = ['answered', 'failed', 'left'] as const;
type Outcome = (typeof outcomes)[number];

/** The route of requests that match none. */
const unmatched = 'unmatched';

export class HttpMetrics {
  readonly #duration: Histogram<{ readonly method: string; readonly route: string; readonly status: string }>;
  readonly #requests: Counter<{ readonly route: string; readonly outcome: Outcome }>;
  /** What has ended since the last scrape, by route. */
  readonly #ended = new Map<string, Record<Outcome, number>>();
  #inFlight = 0;

  constructor(instruments: Instruments) {
    const route = new BoundedLabel(300);
    this.#duration = instruments.histogram({
      name: 'holdfast_http_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its answer, or until its caller left (status 499).',
      labels: { method: methods, route, status: statuses },
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    });
    this.#requests = instruments.counter({
      name: 'holdfast_http_requests_total',
      help: 'Requests that have ended, by route and what came of them; 0 for what did not happen yet.',
      labels: { route, outcome: outcomes },
    });
    const inFlight = instruments.gauge({
      name: 'holdfast_http_requests_in_flight',
      help: 'Requests that have arrived and are not answered yet, and whose callers are still there.',
    });
    // Counted by hand, and told when it is asked for: twice a request is too often for a lookup by labels.
    instruments.onScrape(() => {
      inFlight.set(this.#inFlight);
      this.#count();
    });
    this.serves(unmatched);
  }

  /** From now on shows what may come of requests for this route: the first that fails is then an increase. */
  serves(route: string): void {
    this.#requests.startAtZero({ route });
  }

  finished(matched: string | undefined, method: string, status: number, seconds: number): void {
    const route = matched ?? unmatched;
    this.#duration.observe(Math.max(0, seconds), { method, route, status: String(status) });
    const ended = this.#ended.get(route) ?? { answered: 0, failed: 0, left: 0 };
    ended[outcomeOf(status)] += 1;
    this.#ended.set(route, ended);
  }

  inFlight(change: 1 | -1): void {
    this.#inFlight += change;
  }

  #count(): void {
    for (const [route, ended] of this.#ended) {
      for (const outcome of outcomes) this.#requests.add(ended[outcome], { route, outcome });
    }
    this.#ended.clear();
  }
}

function outcomeOf(status: number): Outcome {
  if (status === 499) return 'left';
  return status >= 500 ? 'failed' : 'answered';
}
