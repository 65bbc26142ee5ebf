import { setTimeout as sleep } from 'node:timers/promises';
import type { Report } from './protocol.ts';

/** Within this time everybody who asks gets the same report, so that asking often costs the process nothing. */
export const reportIntervalMs = 1000;
/** A report asks each Redis for what it shows, for a second at most. After twice that the main thread is held up. */
const deadlineMs = 2000;

/** The report of one path: a new one when it is asked for, or the last one where the main thread does not make one in time. */
export class LatestReport {
  readonly #ask: () => void;
  #latest: (Report & { readonly at: number }) | undefined;
  #next: PromiseWithResolvers<void> | undefined;

  /** @param ask has the main thread make one, which comes to `accept` */
  constructor(ask: () => void) {
    this.#ask = ask;
  }

  accept(report: Report): void {
    this.#latest = { ...report, at: performance.now() };
    this.#next?.resolve();
    this.#next = undefined;
  }

  /** `undefined`: there was none yet. `ageMs` is how old it is. */
  async read(): Promise<(Report & { readonly ageMs: number }) | undefined> {
    if (this.#latest === undefined || performance.now() - this.#latest.at >= reportIntervalMs) await this.#renew();
    return this.#latest && { ...this.#latest, ageMs: performance.now() - this.#latest.at };
  }

  async #renew(): Promise<void> {
    if (this.#next === undefined) {
      this.#next = Promise.withResolvers();
      this.#ask();
    }
    const patience = new AbortController();
    const late = sleep(deadlineMs, undefined, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([this.#next.promise, late]);
    patience.abort();
  }
}
