import type { StoredEvent } from './job-store.ts';

/**
 * As many events as a reader hands over at once: a busy queue has each of them with the result of a job, so what is behind is
 * asked for in pieces of bounded size (`JobStore.eventsAfter`).
 */
export const eventsAtOnce = 10;

/** Waits for the events of one queue, on whatever that takes from its store: one a queue and process. */
export interface EventReader {
  /**
   * Events behind `after`, the oldest first, `eventsAtOnce` at most, as soon as there is one; none where there was none for
   * some seconds, or where this was closed. Rejects where the store is away, or the connection ends; it may then be called again.
   */
  next(after: string): Promise<readonly StoredEvent[]>;
  close(): Promise<void>;
}
