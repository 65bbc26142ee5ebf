import type { HeldJob, WorkerRegistry } from '../port/worker-registry.ts';
import { asError } from './failure.ts';
import type { Interruption } from './interruption.ts';

/** One at a time, in the order of asking. */
class OneByOne {
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

interface LastLifeTerms {
  readonly store: Pick<WorkerRegistry, 'crashesOf' | 'beginAlone'>;
  readonly maxCrashes: number;
  readonly onError: (error: Error) => void;
}

/** Over all queues of this process, so that it is known which job it was that killed it. */
const lastLives = new OneByOne();

/**
 * A job that would be given up at its next crash waits until no other such job runs in this process, and only then
 * counts as running. Resolves at once for any other; otherwise with what ends its turn.
 */
export async function beginLastLife(
  { id, token }: HeldJob,
  { store, maxCrashes, onError }: LastLifeTerms,
  interruption: Interruption,
): Promise<(() => void) | undefined> {
  if (maxCrashes < 2) return undefined;
  try {
    if ((await store.crashesOf(id)) < maxCrashes - 1) return undefined;
  } catch (error) {
    onError(asError(error));
    return undefined;
  }
  const endTurn = await lastLives.take(interruption);
  await store.beginAlone(id, token).catch((error: unknown) => onError(asError(error)));
  return endTurn;
}
