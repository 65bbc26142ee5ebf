/** How many measurements are kept to choose from. */
const KEPT = 8;

interface Sample {
  /** Server time minus this process's monotonic clock, milliseconds. */
  readonly offsetMs: number;
  /** The true offset lies within `offsetMs` ± this: half the round trip. */
  readonly errorMs: number;
}

/**
 * The server's clock, as measured by TIME. Runs on the monotonic clock between measurements, so that a step of this
 * machine's wall clock moves nothing.
 *
 * A reply says what the time was somewhere between sending and receiving, so a measurement is as good as its round trip
 * was short: of the last few the one with the shortest counts (as NTP's clock filter does, RFC 5905 section 10).
 */
export class ServerClock {
  readonly #monotonicNow: () => number;
  #samples: Sample[] = [];
  #best: Sample | undefined;

  constructor(monotonicNow: () => number = () => performance.now()) {
    this.#monotonicNow = monotonicNow;
  }

  /** Whether it was measured at all. */
  get isMeasured(): boolean {
    return this.#best !== undefined;
  }

  /** `sentAt` and `receivedAt` on the monotonic clock, `serverMs` with as many decimals as are known. */
  measure(sentAt: number, receivedAt: number, serverMs: number): void {
    const errorMs = Math.max(0, receivedAt - sentAt) / 2;
    const sample = { offsetMs: serverMs - (sentAt + receivedAt) / 2, errorMs };
    // Two true measurements of one clock overlap. These do not: the server is another one, its clock was set, or this
    // machine was suspended. What was measured before says nothing any more. (1 ms for drift.)
    const best = this.#best;
    if (best !== undefined && Math.abs(sample.offsetMs - best.offsetMs) > sample.errorMs + best.errorMs + 1) {
      this.#samples = [];
    }
    this.#samples = [...this.#samples.slice(1 - KEPT), sample];
    this.#best = this.#samples.reduce((a, b) => (b.errorMs < a.errorMs ? b : a));
  }

  /** Whole milliseconds since the epoch; by this machine's clock until the first measurement. */
  now(): number {
    return this.#best === undefined ? Date.now() : Math.round(this.#monotonicNow() + this.#best.offsetMs);
  }
}
