/** A clock that stands still until a test moves it. Pass `clock.now` wherever a `() => number` is taken. */
export class TestClock {
  #ms: number;

  /** Starts at `startMs`, milliseconds since the epoch; by default the first second of 2026. */
  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#ms = startMs;
  }

  /** Milliseconds since the epoch. Bound, so that it can be handed over as a function. */
  readonly now = (): number => this.#ms;

  /** Moves forward by `ms` and returns the new time. A negative step is a clock that was set back. */
  advance(ms: number): number {
    this.#ms += ms;
    return this.#ms;
  }

  /** Jumps to `ms`, milliseconds since the epoch. */
  set(ms: number): void {
    this.#ms = ms;
  }
}
