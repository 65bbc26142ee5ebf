import { eventsAtOnce, type EventReader } from '../port/event-reader.ts';
import type { JobStore, StoredEvent } from '../port/job-store.ts';
import type { PgPool, PgPoolClient } from './pg-pool.ts';

/** What BullMQ's functions notify of each event, with the name of its queue. */
const channel = 'bullmq_events';
/** Without a notification, which the death of the database thread may swallow, it is asked again after so long. */
const blockMs = 10_000;

/** Asks for events of one queue when the database says that there are some. */
export class EmbeddedEventReader implements EventReader {
  readonly #queue: string;
  readonly #pool: PgPool;
  readonly #jobs: JobStore;
  readonly #closing = Promise.withResolvers<void>();
  #client: PgPoolClient | undefined;
  #isClosed = false;
  #notified = Promise.withResolvers<void>();

  constructor(queue: string, pool: PgPool, jobs: JobStore) {
    this.#queue = queue;
    this.#pool = pool;
    this.#jobs = jobs;
  }

  async next(after: string): Promise<readonly StoredEvent[]> {
    await this.#listen();
    for (let round = 1; !this.#isClosed; round += 1) {
      // Before it is asked: what is stored from now on is notified.
      this.#notified = Promise.withResolvers();
      const { events } = await this.#jobs.eventsAfter(after);
      if (events.length > 0 || round === 2) return events.slice(0, eventsAtOnce);
      await this.#wait();
    }
    return [];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.resolve();
    this.#client?.release();
    this.#client = undefined;
  }

  async #listen(): Promise<void> {
    if (this.#client === undefined && !this.#isClosed) {
      const client = await this.#pool.connect();
      client.on('notification', ({ channel: heard, payload }: { channel: string; payload: string }) => {
        if (heard === channel && payload === this.#queue) this.#notified.resolve();
      });
      this.#client = client;
    }
    // One subscription for all; it costs nothing where there is one.
    await this.#client?.query(`LISTEN ${channel}`);
  }

  async #wait(): Promise<void> {
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, blockMs);
    await Promise.race([this.#notified.promise, this.#closing.promise, timeout.promise]);
    clearTimeout(timer);
  }
}
