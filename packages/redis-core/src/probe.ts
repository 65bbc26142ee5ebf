/** What a probe watches: a connection that can be asked something cheap. */
export interface ProbeTarget {
  /** How many bytes the connection has received so far; `undefined` while there is none that could be asked. */
  received(): number | undefined;
  /** Asks; settles with the answer. */
  ask(): Promise<void>;
  /** Whether somebody has used it since the last time that this was asked, or counts on it without using it. */
  isInUse(): boolean;
}

export interface ProbeOptions {
  /** The longest that a connection may be silent without being asked. 0: never asks. */
  readonly intervalMs: number;
  /** How long it may then stay silent. */
  readonly deadlineMs: number;
  readonly target: ProbeTarget;
  /** Silent beyond the deadline. Called once for each connection; the target must have none then. */
  readonly onSilence: (silentMs: number) => void;
}

/** A connection that nobody has used for so long is idle… */
const IDLE_AFTER_MS = 5000;
/** …and may be silent for so long. */
const IDLE_INTERVAL_MS = 5000;

/**
 * Notices a connection that has gone silent, independently of the calls on it and of their deadlines: it may be half
 * open, or its server frozen. A connection on which bytes arrive costs nothing; a silent one is asked, and given up when
 * nothing at all has come after the deadline. Noticed at the latest after the deadline of the question before, half an
 * interval, and a deadline (or after 1.25 intervals and a deadline, where that is more).
 *
 * One that is idle is asked less often. It is watched closely again from the next call on, so that this call too has ended
 * after that time.
 */
export class Probe {
  readonly #options: ProbeOptions;
  readonly #timer: NodeJS.Timeout | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #received = -1;
  #heardAt = 0;
  #usedAt = 0;

  constructor(options: ProbeOptions) {
    this.#options = options;
    // Two looks in each interval: what was heard is known half an interval later at the latest.
    if (options.intervalMs > 0) this.#timer = setInterval(() => this.#look(), options.intervalMs / 2).unref();
  }

  /** Never calls anybody again. */
  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#deadline);
  }

  #look(): void {
    if (!this.#hears() || this.#deadline !== undefined) return;
    const now = performance.now();
    if (this.#options.target.isInUse()) this.#usedAt = now;
    const { intervalMs } = this.#options;
    const isIdle = now - this.#usedAt > IDLE_AFTER_MS;
    const limitMs = isIdle ? Math.max(IDLE_INTERVAL_MS, intervalMs) : intervalMs;
    if (now - this.#heardAt < limitMs - intervalMs / 4) return;
    this.#expect(now);
    // A refusal is an answer too. An answer that never comes shows as silence.
    this.#options.target.ask().catch(() => undefined);
  }

  /** Notes whether something came since the last look; `false` when there is no connection. */
  #hears(): boolean {
    const received = this.#options.target.received();
    if (received === undefined) {
      clearTimeout(this.#deadline);
      this.#deadline = undefined;
      this.#received = -1;
      return false;
    }
    if (this.#received === -1) this.#usedAt = performance.now();
    if (received !== this.#received) {
      this.#received = received;
      this.#heardAt = performance.now();
    }
    return true;
  }

  #expect(askedAt: number): void {
    this.#deadline = setTimeout(() => {
      // If it was this process that had no time to listen, what has arrived is read before an immediate runs.
      setImmediate(() => {
        this.#deadline = undefined;
        const before = this.#heardAt;
        if (!this.#hears() || this.#heardAt > askedAt) return;
        this.#options.onSilence(performance.now() - before);
      });
    }, this.#options.deadlineMs).unref();
  }
}
