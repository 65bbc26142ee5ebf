import { nestingRule, toBoundedJson } from '@holdfast/redis-core';
import type { QueueEvents } from 'bullmq';
import { setTimeout as delay } from 'node:timers/promises';
import type { QueueHandle } from '../port/backend.ts';
import { publishEvent } from '../job/channels.ts';
import type { StoredEvent } from '../port/job-store.ts';
import { storedEvents } from './stored-events.ts';
import { parseStored } from '../job/stored-json.ts';

/** How long the subscription outlives its last listener, so that a caller who comes and goes does not open it each time. */
const idleCloseMs = 10_000;
/** With the store away, BullMQ's close may wait for a reply that never comes. */
const closeTimeoutMs = 2000;
/** Between the attempts to hear events again for those who listen already. */
const reopenDelayMs = 1000;

/** The events of a job. `queue`-wide ones (paused, drained, cleaned) are nobody's here. */
const kinds = [
  'waiting',
  'waiting-children',
  'delayed',
  'active',
  'stalled',
  'progress',
  'completed',
  'failed',
  'removed',
] as const;

export interface FeedEvent {
  /** Its place in the event stream of the queue. */
  readonly id: string;
  readonly kind: (typeof kinds)[number];
  /** What belongs to the kind: `data` of a progress, `returnvalue`, `failedReason`, … */
  readonly details: Readonly<Record<string, unknown>>;
}

/** The same from the event stream itself; `undefined` for what is nobody's here. */
export function feedEventOf({ id, fields }: StoredEvent): FeedEvent | undefined {
  const { event, ...details } = fields;
  const kind = kinds.find((known) => known === event);
  if (kind === undefined) return undefined;
  // BullMQ stores these two as JSON.
  const member = kind === 'progress' ? 'data' : kind === 'completed' ? 'returnvalue' : undefined;
  const text = member === undefined ? undefined : details[member];
  return {
    id,
    kind,
    details: member === undefined || text === undefined ? details : { ...details, [member]: parseStored(text) },
  };
}

export type FeedListener = (event: FeedEvent) => void;

export interface EventFeedOptions {
  readonly handle: QueueHandle;
  readonly openEvents: (after: string) => QueueEvents;
}

/**
 * The events of one queue, read only while somebody listens, because a reader is a connection and a stream of commands.
 * All listeners of a process share one. No event is missed between `listen` and the first read: the reader begins at a
 * place that was asked for before.
 */
export class EventFeed {
  readonly #handle: QueueHandle;
  readonly #openEvents: (after: string) => QueueEvents;
  readonly #listeners = new Map<string, Set<FeedListener>>();
  #events: Promise<QueueEvents> | undefined;
  /** The newest event that was told, or that there was when the first listener came; while there are none, unknown. */
  #told: string | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #reopenTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ handle, openEvents }: EventFeedOptions) {
    this.#handle = handle;
    this.#openEvents = openEvents;
  }

  /**
   * Calls `listener` for each event of the job from the time on that this resolves, until what it replies is called.
   *
   * @throws QueueUnavailableError
   */
  async listen(jobId: string, listener: FeedListener): Promise<() => void> {
    const listeners = this.#listeners.get(jobId) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(jobId, listeners);
    clearTimeout(this.#idleTimer);
    const stop = (): void => this.#remove(jobId, listener);
    const events = (this.#events ??= this.#open());
    try {
      await events;
    } catch (error) {
      this.#forget(events);
      stop();
      throw error;
    }
    return stop;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#reopenTimer);
    await this.#closeEvents();
  }

  async #open(): Promise<QueueEvents> {
    const after = this.#told === undefined ? await this.#handle.jobs.lastEventId() : await this.#catchUp(this.#told);
    this.#told = after;
    const events = this.#openEvents(after);
    events.on('error', (error) => {
      this.#report(error);
      // BullMQ reads no further behind an event that is no JSON, which another program may have put there.
      if (error instanceof SyntaxError) this.#reopen(events);
    });
    for (const kind of kinds) {
      events.on(kind, (details: { jobId: string }, id: string) => this.#tell({ id, kind, details: showable(details) }));
    }
    return events;
  }

  /** Tells those who listen what BullMQ did not; replies behind which event it is to go on. */
  async #catchUp(from: string): Promise<string> {
    let after = from;
    for await (const event of storedEvents(this.#handle.jobs, from)) {
      if (this.#closed) break;
      after = event.id;
      const known = feedEventOf(event);
      if (known === undefined) this.#told = event.id;
      else this.#tell(known);
    }
    return after;
  }

  #reopen(broken: QueueEvents): void {
    const earlier = this.#events;
    if (earlier === undefined) return;
    const events = earlier.then(async (current) => {
      if (current !== broken || this.#closed) return current;
      void broken.close().catch((error: unknown) => this.#report(error as Error));
      return this.#open();
    });
    this.#follow(events);
  }

  /** Those who listen already were promised events: where that fails, it is tried again until it works or nobody listens. */
  #follow(events: Promise<QueueEvents>): void {
    this.#events = events;
    events.catch(() => {
      this.#forget(events);
      clearTimeout(this.#reopenTimer);
      if (this.#closed) return;
      this.#reopenTimer = setTimeout(() => {
        if (this.#listeners.size > 0 && this.#events === undefined) this.#follow(this.#open());
      }, reopenDelayMs);
      this.#reopenTimer.unref();
    });
  }

  #forget(failed: Promise<QueueEvents>): void {
    if (this.#events === failed) this.#events = undefined;
  }

  #tell(event: FeedEvent): void {
    this.#told = event.id;
    const { jobId } = event.details;
    for (const listener of this.#listeners.get(String(jobId)) ?? []) listener(event);
  }

  #remove(jobId: string, listener: FeedListener): void {
    const listeners = this.#listeners.get(jobId);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#listeners.delete(jobId);
    if (this.#listeners.size > 0 || this.#closed) return;
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => void this.#closeEvents(), idleCloseMs);
    this.#idleTimer.unref();
  }

  async #closeEvents(): Promise<void> {
    const opened = this.#events;
    this.#events = undefined;
    this.#told = undefined;
    const events = await opened?.catch(() => undefined);
    if (events === undefined) return;
    await Promise.race([events.close().catch((error: unknown) => this.#report(error as Error)), delay(closeTimeoutMs)]);
  }

  #report(error: Error): void {
    publishEvent('holdfast:queue:error', () => ({ queue: this.#handle.name, part: 'events', error }));
  }
}

/** BullMQ has parsed what another program may have nested too deep to be written again. */
function showable(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => {
      try {
        if (typeof value === 'object') toBoundedJson(value);
        return [name, value];
      } catch {
        return [name, `(${nestingRule})`];
      }
    }),
  );
}
