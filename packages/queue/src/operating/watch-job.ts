import type { QueueHandle } from '../port/backend.ts';
import { JobOptionsInvalidError, QueueUnavailableError } from '../job/errors.ts';
import { canBeJobId } from '../job/job-id.ts';
import { parseFailure, type JobState } from '../job/job-view.ts';
import { EventBuffer } from './event-buffer.ts';
import { feedEventOf, type EventFeed } from './event-feed.ts';
import { isBehind, writeEventPosition, type EventPosition } from './event-position.ts';
import { isEnd, toJobEvent, type JobEvent, type JobEventContent } from './job-events.ts';
import { LogTail } from './log-tail.ts';
import { isOver, readState } from './read-job.ts';
import { storedEvents } from './stored-events.ts';

export interface WatchOptions {
  /** Ends the stream and lets go of what it holds; must be aborted at the latest when nobody reads any more. */
  readonly signal: AbortSignal;
  /** Where a stream before it ended: what has happened since comes first. Without it, how the job stands. */
  readonly since?: EventPosition;
  /** Told at once when events come faster than they are read. Reading then throws. */
  readonly onOverflow?: () => void;
  /** So often there is a `heartbeat` while nothing happens. Default 15 000. */
  readonly heartbeatMs?: number;
}

/** How often the log of a running job is asked for new lines. */
const logPollMs = 500;
/** The net under the events: the state is also asked so often. */
const statePollMs = 2000;

/**
 * Follows a job until it has ended; `undefined` when there is none. What is yielded is complete and in order as long as
 * the store keeps the events (some 10 000 a queue) and the reader keeps up. While the store is away nothing happens.
 *
 * @throws QueueUnavailableError, JobOptionsInvalidError (400: since). While reading: EventsOverflowError when the reader is too slow.
 */
export async function watchJob(
  handle: QueueHandle,
  feed: EventFeed,
  id: string,
  options: WatchOptions,
): Promise<AsyncIterable<JobEvent> | undefined> {
  if (!canBeJobId(id)) return undefined;
  if (options.since !== undefined && !handle.jobs.isEventId(options.since.eventId)) {
    throw new JobOptionsInvalidError([{ path: '/since', message: 'was not given out by this store' }]);
  }
  const buffer = new EventBuffer(options.onOverflow);
  const stop = await feed.listen(id, (event) => buffer.push(event));
  options.signal.addEventListener('abort', stop, { once: true });
  if (options.signal.aborted) stop();
  let found = false;
  try {
    const from = options.since?.eventId ?? (await handle.jobs.lastEventId());
    const job = await handle.jobs.read(id, 0);
    // One that its retention has removed still has events that a reader who comes back has not seen.
    found =
      job !== undefined || (options.since !== undefined && (await hasEventsAfter(handle, id, from, options.signal)));
    if (!found) return undefined;
    return new JobWatch({ handle, id, buffer, from, isPrioritized: job?.isPrioritized ?? false, options }).events();
  } finally {
    if (!found) stop();
  }
}

async function hasEventsAfter(handle: QueueHandle, id: string, from: string, signal: AbortSignal): Promise<boolean> {
  for await (const { fields } of storedEvents(handle.jobs, from, { signal })) if (fields['jobId'] === id) return true;
  return false;
}

interface WatchParts {
  readonly handle: QueueHandle;
  readonly id: string;
  readonly buffer: EventBuffer;
  readonly from: string;
  readonly isPrioritized: boolean;
  readonly options: WatchOptions;
}

class JobWatch {
  readonly #parts: WatchParts;
  readonly #log: LogTail;
  /** Events up to this one were seen. */
  #eventId: string;
  #isActive = true;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#eventId = parts.from;
    this.#log = new LogTail(parts.handle, parts.id, parts.options.since?.lines ?? 0);
  }

  async *events(): AsyncGenerator<JobEvent> {
    const { signal, since } = this.#parts.options;
    if (since !== undefined && (yield* this.#missed())) return;
    if (yield* this.#standing(since === undefined)) return;
    while (!signal.aborted) if (yield* this.#live()) return;
  }

  /** What happened since the stream before; replies whether that was the end, of the job or of who reads. */
  async *#missed(): AsyncGenerator<JobEvent, boolean> {
    const { handle, id, isPrioritized, options } = this.#parts;
    const { signal } = options;
    for await (const stored of storedEvents(handle.jobs, this.#eventId, { signal, maxPages: Infinity })) {
      this.#eventId = stored.id;
      const event = stored.fields['jobId'] === id ? feedEventOf(stored) : undefined;
      const content = event === undefined ? undefined : toJobEvent(event, isPrioritized);
      if (content !== undefined && (yield* this.#tell(content))) return true;
    }
    return signal.aborted;
  }

  /** How the job stands now; replies whether it has ended. */
  async *#standing(withProgress: boolean): AsyncGenerator<JobEvent, boolean> {
    const { handle, id } = this.#parts;
    if (!withProgress) {
      const state = await readState(handle, id);
      if (!isOver(state)) return yield* this.#goesOn(state);
    }
    const found = await handle.jobs.read(id, 0);
    if (found === undefined) {
      // Its retention may have removed it at its end, which is then told by an event that was not seen yet.
      if (yield* this.#missed()) return true;
      return yield* this.#tell({ type: 'state', data: { state: 'unknown' } });
    }
    const { job, state } = found;
    if (state === 'completed')
      return yield* this.#tell({ type: 'completed', data: { result: job.returnvalue ?? null } });
    if (state === 'failed')
      return yield* this.#tell({ type: 'failed', data: { error: parseFailure(job.failedReason ?? '') } });
    if (withProgress) {
      yield* this.#tell({ type: 'state', data: { state } });
      if (job.progress !== 0) yield* this.#tell({ type: 'progress', data: { progress: job.progress } });
    }
    return yield* this.#goesOn(state);
  }

  async *#goesOn(state: JobState): AsyncGenerator<JobEvent, false> {
    this.#isActive = state === 'active';
    yield* this.#newLines();
    return false;
  }

  /** Until something happens, or nothing for a while; replies whether it was the end. */
  async *#live(): AsyncGenerator<JobEvent, boolean> {
    const { buffer, isPrioritized, options } = this.#parts;
    const { signal, heartbeatMs = 15_000 } = options;
    const startedAt = Date.now();
    let askedAt = startedAt;
    for (;;) {
      const event = await buffer.next(Math.min(logPollMs, heartbeatMs), signal);
      if (signal.aborted) return false;
      if (event !== undefined && isBehind(event.id, this.#eventId)) {
        this.#eventId = event.id;
        const content = toJobEvent(event, isPrioritized);
        if (content !== undefined) return yield* this.#tell(content);
      } else if (event === undefined) {
        try {
          if (this.#isActive) yield* this.#newLines();
          if (Date.now() - askedAt >= statePollMs) {
            askedAt = Date.now();
            if (yield* this.#standing(false)) return true;
          }
        } catch (error) {
          // The store is away: its events come when it is back.
          if (!(error instanceof QueueUnavailableError)) throw error;
        }
        if (Date.now() - startedAt >= heartbeatMs) {
          yield { type: 'heartbeat' };
          return false;
        }
      }
    }
  }

  /** Tells of it, the lines of the log first that belong before an end; replies whether it is the end. */
  async *#tell(content: JobEventContent): AsyncGenerator<JobEvent, boolean> {
    const hasEnded = isEnd(content);
    if (content.type === 'state') this.#isActive = content.data.state === 'active';
    if (hasEnded) yield* this.#newLines();
    yield { ...content, id: this.#position(hasEnded) };
    return hasEnded;
  }

  async *#newLines(): AsyncGenerator<JobEvent> {
    for await (const line of this.#log.newLines()) {
      yield { type: 'log', id: this.#position(false), data: { line } };
    }
  }

  #position(hasEnded: boolean): string {
    return writeEventPosition({ eventId: this.#eventId, lines: this.#log.lines, hasEnded });
  }
}
