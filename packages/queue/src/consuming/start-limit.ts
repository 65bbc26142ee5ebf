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
/** A store that is so slow that a start is too late each time is not asked for ever. */
const maxAsked = 3;

/**
 * Sees to it that a limit of starts holds where the work begins and not only in the store. What the store lets start begins
 * a little later: while its reply is under way, or while this process is busy or stopped. So the store counts each start for
 * a twentieth longer, and the place in its log of one that is later than that moves to when its work begins. Where half of the span
 * has gone, its place may no longer count by then: such a start is counted before its work begins, and may have to wait.
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
    const { limit, registry, onError } = this.#options;
    const tooLateMs = Math.max(this.#graceMs, limit.durationMs / 2);
    let late = lateMs;
    for (let asked = 0; late > tooLateMs && asked < maxAsked; asked += 1) {
      signal().throwIfAborted();
      const askedAt = performance.now();
      try {
        const waitMs = await registry.countStart(this.counted, since);
        late = performance.now() - askedAt;
        if (waitMs === 0) continue;
        await delay(Math.min(maxWaitMs, waitMs), undefined, { signal: signal() });
        [late, asked] = [Infinity, -1];
      } catch (error) {
        signal().throwIfAborted();
        // The store is away: the job is not to wait for that.
        onError(asError(error));
        return;
      }
    }
    signal().throwIfAborted();
    if (late <= this.#graceMs) return;
    registry.countStart(this.counted, since).catch((error: unknown) => onError(asError(error)));
  }
}
