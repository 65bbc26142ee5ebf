import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Default 60 000: a wait is for a condition, and no statement about speed. */
  readonly timeoutMs?: number;
  /** Between two tries. Default 10. */
  readonly intervalMs?: number;
}

/**
 * Runs `assertion` until it no longer throws and returns what it returned; after `timeoutMs` throws its last error.
 * For states that nothing announces; where there is an event, wait for the event.
 */
export async function eventually<T>(assertion: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() >= end) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`Still not so after ${timeoutMs} ms: ${reason}`, { cause: error });
      }
    }
    await sleep(options.intervalMs ?? 10);
  }
}
