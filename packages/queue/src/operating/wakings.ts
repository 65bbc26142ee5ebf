/** Wakes somebody who waits for a while: when something happens, when the time is over, or when nobody wants it any more. */
export class Wakings {
  readonly #timer: NodeJS.Timeout;
  readonly #signals: readonly AbortSignal[];
  readonly #over = Promise.withResolvers<void>();
  readonly #end = (): void => {
    this.#areOver = true;
    this.#over.resolve();
    this.wake();
  };
  #next = Promise.withResolvers<void>();
  #areOver = false;

  constructor(forMs: number, signals: readonly (AbortSignal | undefined)[]) {
    this.#signals = signals.filter((signal) => signal !== undefined);
    this.#timer = setTimeout(this.#end, forMs);
    this.#next.promise.catch(() => undefined);
    for (const signal of this.#signals) {
      if (signal.aborted) this.#end();
      signal.addEventListener('abort', this.#end);
    }
  }

  /** The time is over, or one of the signals was aborted: each further `next` is at once. */
  get areOver(): boolean {
    return this.#areOver;
  }

  wake(): void {
    this.#next.resolve();
  }

  /** Whoever waits is told this instead. */
  fail(error: Error): void {
    this.#next.reject(error);
  }

  /** Since the last one. @throws what `fail` was given */
  async next(): Promise<void> {
    await this.#next.promise;
    this.#next = Promise.withResolvers<void>();
    this.#next.promise.catch(() => undefined);
    if (this.#areOver) this.wake();
  }

  /** Waits for a work, no longer than until they are over. */
  async unlessOver(work: Promise<unknown>): Promise<void> {
    await Promise.race([work, this.#over.promise]);
  }

  /** Lets go of the timer and the signals. */
  end(): void {
    clearTimeout(this.#timer);
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#end);
  }
}
