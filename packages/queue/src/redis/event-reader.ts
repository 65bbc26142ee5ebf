import { eventsAtOnce, type EventReader } from '../port/event-reader.ts';
import type { StoredEvent } from '../port/job-store.ts';
import type { RedisClient } from './connection-watch.ts';
import { toStoredEvent, type StreamEntry } from './job-store.ts';

/** How long a read waits. A connection that is silent for longer than this and some seconds has died: see `readerClient`. */
export const readerBlockMs = 10_000;

/** Blocks on the event stream of one queue, on a connection of its own. */
export class RedisEventReader implements EventReader {
  readonly #client: RedisClient;
  readonly #key: string;
  readonly #onClose: () => void;
  #isClosed = false;

  /** @param client which this closes */
  constructor(client: RedisClient, key: string, onClose: () => void) {
    this.#client = client;
    this.#key = key;
    this.#onClose = onClose;
  }

  async next(after: string): Promise<readonly StoredEvent[]> {
    if (this.#isClosed) return [];
    try {
      const args = ['COUNT', eventsAtOnce, 'BLOCK', readerBlockMs, 'STREAMS', this.#key, after];
      const reply = await this.#client.runCommand('xread', args);
      return (
        (reply as readonly (readonly [string, readonly StreamEntry[]])[] | null)?.[0]?.[1].map(toStoredEvent) ?? []
      );
    } catch (error) {
      if (this.#isClosed) return [];
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose();
    // In the middle of a read that blocks, QUIT would wait for its end.
    this.#client.disconnect();
  }
}
