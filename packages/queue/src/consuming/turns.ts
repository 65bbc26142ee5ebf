import type { Interruption } from './interruption.ts';

/** One at a time, in the order of asking. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /**
   * Resolves when it is the caller's turn, with what ends it.
   *
   * @param interruption gives up the place; this call rejects then
   */
  async take(interruption: Interruption): Promise<() => void> {
    const turn = Promise.withResolvers<void>();
    const before = this.#last;
    this.#last = before.then(() => turn.promise);
    try {
      const interrupted = Promise.withResolvers<never>();
      interruption.listen(interrupted.reject);
      await Promise.race([before, interrupted.promise]);
    } catch (error) {
      turn.resolve();
      throw error;
    }
    return () => turn.resolve();
  }
}
