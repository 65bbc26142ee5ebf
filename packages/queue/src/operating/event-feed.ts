import { setTimeout as delay } from 'node:timers/promises';
import { publishEvent } from '../job/channels.ts';
import type { QueueHandle } from '../port/backend.ts';
import { eventsAtOnce, type EventReader } from '../port/event-reader.ts';
import type { StoredEvent } from '../port/job-store.ts';
import { isBehind } from './event-position.ts';
import { feedEventOf } from './feed-event.ts';
import { JobListeners, type FeedListener } from './job-listeners.ts';
import { JobLooks } from './job-looks.ts';
import { storedEvents } from './stored-events.ts';

/** How long the reader outlives its last listener, so that a caller who comes and goes does not open it each time. */
const idleCloseMs = 10_000;
/** With the store away, the end of a connection may wait for a reply that never comes. */
const closeTimeoutMs = 2000;
/** After a read that failed. */
const retryMs = 500;

export interface EventFeedOptions {
  readonly handle: QueueHandle;
  readonly openEvents: () => EventReader;
}

interface Reading {
  readonly end: AbortController;
  /** Resolves once it is known where it begins. */
  readonly begun: Promise<void>;
}

/**
 * The events of one queue, told to all who listen in this process by one reader, which is there only while somebody listens.
 *
 * The reader is what is quick: it has an event as soon as it is stored. What is certain is a look at the jobs themselves, now and
 * then and for all listeners together (`JobLooks`). Each look also says which event was the newest, and events up to that one are
 * told before the look is, read over the connection for questions where the reader does not have them: so a reader whose connection
 * hangs loses nothing, and a look only says something new of a job whose events were cut off, or never came.
 */
export class EventFeed {
  readonly #handle: QueueHandle;
  readonly #openEvents: () => EventReader;
  readonly #listeners = new JobListeners();
  readonly #looks: JobLooks;
  #reading: Reading | undefined;
  /** The newest event that was told, or that there was when the first listener came. */
  #told = '0';
  #idleTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ handle, openEvents }: EventFeedOptions) {
    this.#handle = handle;
    this.#openEvents = openEvents;
    this.#looks = new JobLooks({
      store: handle.jobs,
      listeners: this.#listeners,
      told: () => this.#told,
      catchUp: async (until) => this.#catchUp(until),
      wasReset: (eventId) => {
        this.#told = eventId;
        for (const listener of this.#listeners.all()) listener.onReset(eventId);
      },
      onError: (error) => this.#report(error),
    });
  }

  /** Whether `listen` asks for nothing: whoever does so before he looks at the job misses nothing of it. */
  get isOpen(): boolean {
    return this.#reading !== undefined;
  }

  /**
   * Tells `listener` of each event of the job from the time on that this resolves, until what it replies is called.
   *
   * @throws QueueUnavailableError
   */
  async listen(jobId: string, listener: FeedListener): Promise<() => void> {
    this.#listeners.add(jobId, listener);
    clearTimeout(this.#idleTimer);
    const reading = (this.#reading ??= this.#begin());
    const stop = (): void => this.#remove(jobId, listener);
    try {
      await reading.begun;
    } catch (error) {
      if (this.#reading === reading) this.#reading = undefined;
      stop();
      throw error;
    }
    return stop;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end();
  }

  #begin(): Reading {
    const end = new AbortController();
    const begin = async (): Promise<void> => {
      this.#told = await this.#handle.jobs.lastEventId();
      if (end.signal.aborted) return;
      this.#looks.start();
      void this.#read(end.signal);
    };
    return { end, begun: begin() };
  }

  async #read(signal: AbortSignal): Promise<void> {
    const reader = this.#openEvents();
    const close = (): void => {
      const closing = reader.close().catch((error: unknown) => this.#report(error as Error));
      void Promise.race([closing, delay(closeTimeoutMs, undefined, { ref: false })]);
    };
    signal.addEventListener('abort', close, { once: true });
    while (!signal.aborted) {
      try {
        const events = await reader.next(this.#told);
        if (signal.aborted) return;
        for (const event of events) this.#tell(event);
        if (events.length >= eventsAtOnce) await this.#catchUp();
      } catch (error) {
        if (signal.aborted) return;
        this.#report(error as Error);
        this.#looks.soon();
        await delay(retryMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  /** Tells what is stored behind what was told; with `until`, as far as that event. @throws QueueUnavailableError */
  async #catchUp(until?: string): Promise<void> {
    if (until !== undefined && !isBehind(until, this.#told)) return;
    for await (const event of storedEvents(this.#handle.jobs, this.#told)) {
      if (this.#closed) return;
      this.#tell(event);
      if (until !== undefined && !isBehind(until, this.#told)) return;
    }
  }

  /** The reader and those who catch up may both have an event: each of them has those before it, too. */
  #tell(event: StoredEvent): void {
    if (!isBehind(event.id, this.#told)) return;
    this.#told = event.id;
    const listeners = this.#listeners.of(event.fields['jobId'] ?? '');
    if (listeners.length === 0) return;
    const told = feedEventOf(event);
    if (told !== undefined) for (const listener of listeners) listener.onEvent(told);
  }

  #remove(jobId: string, listener: FeedListener): void {
    this.#listeners.remove(jobId, listener);
    if (this.#listeners.size > 0 || this.#closed) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => void this.#end(), idleCloseMs);
    this.#idleTimer.unref();
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idleTimer);
    const reading = this.#reading;
    this.#reading = undefined;
    this.#looks.stop();
    reading?.end.abort();
  }

  #report(error: Error): void {
    publishEvent('holdfast:queue:error', () => ({ queue: this.#handle.name, part: 'events', error }));
  }
}
