import type { AddressInfo } from 'node:net';

/** The answer to a probe. */
export interface ProbeAnswer {
  readonly status: 200 | 503;
  readonly body: { readonly status: string; readonly [field: string]: unknown };
}

/** What the main thread says of itself. */
export interface Probes {
  readonly live: ProbeAnswer;
  readonly ready: ProbeAnswer;
}

/** A longer answer, such as all metrics. */
export interface Report {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface ThreadStart {
  /** Of the `Heartbeat`. */
  readonly memory: SharedArrayBuffer;
  readonly host: string;
  readonly port: number;
  readonly probes: Probes;
  /** The paths of the reports. */
  readonly paths: readonly string[];
}

export type ToThread =
  | { readonly kind: 'probes'; readonly probes: Probes }
  | { readonly kind: 'report'; readonly path: string; readonly report: Report };

export type FromThread =
  | { readonly kind: 'listening'; readonly url: string; readonly address: AddressInfo }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  /** The report of this path is asked for. */
  | { readonly kind: 'wanted'; readonly path: string };

export function problemReport(problem: { readonly status: number; readonly title: string }): Report {
  return { status: problem.status, contentType: 'application/problem+json', body: JSON.stringify(problem) };
}
