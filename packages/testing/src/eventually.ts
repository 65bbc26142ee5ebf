import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Default 60 000: a wait is for a condition, and no statement about speed. */
  readonly timeoutMs?: number;
  /** Between two tries. Default: a tenth of what was waited so far, but 10 at least and 50 at most. */
  readonly intervalMs?: number;
}

/** A short wait ends without delay; a long one leaves the processor to what it waits for. */
const pauseAfter = (waitedMs: number): number => Math.min(Math.max(waitedMs / 10, 10), 50);

/**
 * Runs `assertion` until it no longer throws and returns what it returned; after `timeoutMs` throws its last error.
 * For states that nothing announces; where there is an event, wait for the event.
 */
export async function eventually<T>(assertion: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  const begin = performance.now();
  const end = begin + timeoutMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() >= end) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`Still not so after ${timeoutMs} ms: ${reason}`, { cause: error });
      }
    }
    await sleep(options.intervalMs ?? pauseAfter(performance.now() - begin));
  }
}
