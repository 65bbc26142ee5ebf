import type { JobStore, StoredEvent } from '../port/job-store.ts';

/** An event may hold a large result: this many are still a reply of some megabytes at most where results are usual ones. */
const page = 100;
/** BullMQ keeps some 10,000 events of a queue; on a busy one others come while these are read. */
const maxPages = 120;

export interface StoredEventsOptions {
  /** Default: as many as there may be of the events that were there at the beginning. `Infinity`: until none is left. */
  readonly maxPages?: number;
  /** Asks for no further page once it is aborted. */
  readonly signal?: AbortSignal;
}

/** The events of a queue behind `after`, the oldest first, read page by page. @throws QueueUnavailableError */
export async function* storedEvents(
  store: JobStore,
  after: string,
  { maxPages: most = maxPages, signal }: StoredEventsOptions = {},
): AsyncGenerator<StoredEvent, void> {
  let last = after;
  for (let pages = 0; pages < most; pages += 1) {
    if (signal?.aborted === true) return;
    const events = await store.eventsAfter(last, page);
    yield* events;
    if (events.length < page) return;
    last = events.at(-1)?.id ?? last;
  }
}
