/** One at a time, in the order of asking. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when it is the caller's turn, with what ends it; or rejects when the signal comes first. */
  async take(signal: AbortSignal): Promise<() => void> {
    const turn = Promise.withResolvers<void>();
    const before = this.#last;
    this.#last = before.then(() => turn.promise);
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([before, aborted.promise]);
    } catch (error) {
      turn.resolve();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      aborted.promise.catch(() => undefined);
    }
    return () => turn.resolve();
  }
}
