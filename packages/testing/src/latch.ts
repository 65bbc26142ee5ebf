export interface LatchWait {
  /** Default 60 000: a wait is for a condition, and no statement about speed. */
  readonly timeoutMs?: number;
}

/**
 * A door that opens once: what tests wait on instead of sleeping. With a `count` above one it opens at the last of so
 * many calls of `open`.
 */
export class Latch {
  readonly #opened = Promise.withResolvers<void>();
  #left: number;

  constructor(count = 1) {
    this.#left = count;
    if (count <= 0) this.#opened.resolve();
  }

  get isOpen(): boolean {
    return this.#left <= 0;
  }

  /** Counts one down; opens at zero. Further calls do nothing. Bound, so that it can serve as a callback. */
  readonly open = (): void => {
    this.#left -= 1;
    if (this.#left <= 0) this.#opened.resolve();
  };

  /** Resolves once open, at once if it is; rejects after `timeoutMs`. */
  async wait(options: LatchWait = {}): Promise<void> {
    const timeoutMs = options.timeoutMs ?? 60_000;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new Error(`The latch was not opened within ${timeoutMs} ms (${this.#left} to go).`));
    }, timeoutMs);
    try {
      await Promise.race([this.#opened.promise, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
