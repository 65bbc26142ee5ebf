import { setTimeout as delay } from 'node:timers/promises';
import type { RateLimit } from '../job/define-queue.ts';
import type { WorkerRegistry } from '../port/worker-registry.ts';
import { asError } from './failure.ts';

interface StartLimitOptions {
  readonly limit: RateLimit;
  readonly registry: Pick<WorkerRegistry, 'countStart'>;
  readonly onError: (error: Error) => void;
}

/** A wait is cut into pieces, so that a limit that was changed meanwhile counts. */
const maxWaitMs = 30_000;

/**
 * Sees to it that a limit of starts holds where the work begins and not only in the store. What the store lets start begins
 * a little later: while its reply is under way, or while this process is busy or stopped. So the store counts each start for
 * a twentieth longer, and one that is later than that is counted again before its work begins.
 */
export class StartLimit {
  /** What the store is to count by. */
  readonly counted: RateLimit;
  readonly #options: StartLimitOptions;
  readonly #graceMs: number;

  constructor(options: StartLimitOptions) {
    const { max, durationMs } = options.limit;
    this.#options = options;
    this.#graceMs = Math.min(1000, Math.max(5, Math.ceil(durationMs / 20)));
    this.counted = { max, durationMs: durationMs + this.#graceMs };
  }

  /**
   * Resolves when the work may begin.
   *
   * @param since when the job was fetched, by the clock of the store; milliseconds since the epoch
   * @param lateMs how long ago the store was asked for it
   * @throws the reason of `signal`
   */
  async begin(since: number, lateMs: number, signal: () => AbortSignal): Promise<void> {
    const { registry, onError } = this.#options;
    let late = lateMs;
    while (late > this.#graceMs) {
      signal().throwIfAborted();
      const askedAt = performance.now();
      let waitMs: number;
      try {
        waitMs = await registry.countStart(this.counted, since);
      } catch (error) {
        // The store is away: the job is not to wait for that.
        onError(asError(error));
        return;
      }
      if (waitMs > 0) await delay(Math.min(maxWaitMs, waitMs), undefined, { signal: signal() });
      late = waitMs > 0 ? Infinity : performance.now() - askedAt;
    }
    signal().throwIfAborted();
  }
}
