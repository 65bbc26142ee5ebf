import type { JobStore, StoredEvent } from '../port/job-store.ts';

/** BullMQ keeps some 10,000 events of a queue; on a busy one others come while these are read. */
const maxEvents = 24_000;

export interface StoredEventsOptions {
  /** Default: as many as there may be of the events that were there at the beginning. `Infinity`: until none is left. */
  readonly most?: number;
  /** Asks for no further page once it is aborted. */
  readonly signal?: AbortSignal;
}

/** The events of a queue behind `after`, the oldest first, read page by page. @throws QueueUnavailableError */
export async function* storedEvents(
  store: JobStore,
  after: string,
  { most = maxEvents, signal }: StoredEventsOptions = {},
): AsyncGenerator<StoredEvent, void> {
  let last = after;
  for (let read = 0; read < most;) {
    if (signal?.aborted === true) return;
    const { events, more } = await store.eventsAfter(last);
    yield* events;
    last = events.at(-1)?.id ?? last;
    if (!more || events.length === 0) return;
    read += events.length;
  }
}
