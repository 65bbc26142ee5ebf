/**
 * Tells one attempt to stop, once, with a reason. Most jobs end by themselves and most handlers do not ask for a signal,
 * so the signal is only made for those who do.
 */
export class Interruption {
  #onRaise: ((reason: Error) => void) | undefined;
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  /** Calls back with the reason, at once if there is one already. Who listens takes the place of who did before. */
  listen(onRaise: (reason: Error) => void): void {
    this.#onRaise = onRaise;
    if (this.#reason !== undefined) onRaise(this.#reason);
  }

  /** The first reason counts. */
  raise(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#onRaise?.(reason);
    this.#controller?.abort(reason);
  }
}
