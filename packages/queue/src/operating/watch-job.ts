import type { QueueHandle } from '../port/backend.ts';
import { JobOptionsInvalidError, QueueUnavailableError } from '../job/errors.ts';
import { canBeJobId } from '../job/job-id.ts';
import { isFinished, parseFailure, type JobState } from '../job/job-view.ts';
import type { ReadJob } from '../port/job-store.ts';
import { BufferedBytes } from './buffered-bytes.ts';
import { EventBuffer } from './event-buffer.ts';
import type { EventFeed } from './event-feed.ts';
import { feedEventOf } from './feed-event.ts';
import { isBehind, writeEventPosition, type EventPosition } from './event-position.ts';
import { isEnd, toJobEvent, type JobEvent, type JobEventContent } from './job-events.ts';
import type { ToldLook } from './job-listeners.ts';
import { LogTail } from './log-tail.ts';
import { isOver } from './read-job.ts';
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
  buffered: BufferedBytes = new BufferedBytes(),
): Promise<AsyncIterable<JobEvent> | undefined> {
  if (!canBeJobId(id)) return undefined;
  if (options.since !== undefined && !handle.jobs.isEventId(options.since.eventId)) {
    throw new JobOptionsInvalidError([{ path: '/since', message: 'was not given out by this store' }]);
  }
  const buffer = new EventBuffer(buffered, options.onOverflow);
  let watch: JobWatch | undefined;
  const stop = await feed.listen(id, {
    onEvent: (event) => buffer.push(event),
    onReset: (eventId) => buffer.pushReset(eventId),
    onLook: (look) => buffer.pushLook(look),
    // Where it is not known yet how the job stands, the lines of its log are told when that is.
    wantsLog: () => watch?.isActive === true,
  });
  const end = (): void => {
    options.signal.removeEventListener('abort', end);
    stop();
    buffer.clear();
  };
  options.signal.addEventListener('abort', end);
  if (options.signal.aborted) end();
  try {
    const job = await handle.jobs.read(id, 0);
    const from = await beginningOf(handle, job, options.since?.eventId);
    // One that its retention has removed still has events that a reader who comes back has not seen.
    if (job !== undefined || (from !== undefined && (await hasEventsAfter(handle, id, from, options.signal)))) {
      watch = new JobWatch({ handle, id, buffer, from: from ?? job?.eventId ?? '0', job, options, end });
    }
    return watch?.events();
  } finally {
    if (watch === undefined) end();
  }
}

/** Behind which event a reader who comes back goes on: all are new to him where the store has lost those that he has seen. */
async function beginningOf(handle: QueueHandle, job: ReadJob | undefined, since?: string): Promise<string | undefined> {
  if (since === undefined) return undefined;
  const newest = job?.eventId ?? (await handle.jobs.lastEventId());
  return isBehind(since, newest) ? '0' : since;
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
  /** As it stood when the watch began; `undefined` where it was gone already. */
  readonly job: ReadJob | undefined;
  readonly options: WatchOptions;
  /** Lets go of what the watch holds. */
  readonly end: () => void;
}

class JobWatch {
  readonly #parts: WatchParts;
  readonly #log: LogTail;
  readonly #isPrioritized: boolean;
  /** Events up to this one were seen. */
  #eventId: string;
  /** As it was told last. */
  #state: JobState | undefined;
  /** Of its log, when that was looked at last. */
  #logMark = '';

  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#eventId = parts.from;
    this.#isPrioritized = parts.job?.isPrioritized ?? false;
    this.#log = new LogTail(parts.handle, parts.id, parts.options.since?.lines ?? 0);
  }

  get isActive(): boolean {
    return this.#state === 'active';
  }

  async *events(): AsyncGenerator<JobEvent> {
    const { job, options, end } = this.#parts;
    try {
      if (options.since === undefined) {
        if (job !== undefined && (yield* this.#beginning(job))) return;
      } else if ((yield* this.#missed()) || (yield* this.#standing())) return;
      while (!options.signal.aborted) if (yield* this.#live()) return;
    } finally {
      end();
    }
  }

  /** How the job stands, for who has seen nothing of it; replies whether it has ended. */
  async *#beginning(found: ReadJob): AsyncGenerator<JobEvent, boolean> {
    if (isFinished(found.state)) return yield* this.#tell(endOf(found));
    yield* this.#tell({ type: 'state', data: { state: found.state } });
    if (found.job.progress !== 0) yield* this.#tell({ type: 'progress', data: { progress: found.job.progress } });
    yield* this.#newLines();
    return false;
  }

  /** What happened since the stream before; replies whether that was the end, of the job or of who reads. */
  async *#missed(): AsyncGenerator<JobEvent, boolean> {
    const { handle, id, options } = this.#parts;
    const { signal } = options;
    for await (const stored of storedEvents(handle.jobs, this.#eventId, { signal, most: Infinity })) {
      this.#eventId = stored.id;
      const event = stored.fields['jobId'] === id ? feedEventOf(stored) : undefined;
      const content = event === undefined ? undefined : toJobEvent(event, this.#isPrioritized);
      if (content !== undefined && (yield* this.#tell(content))) return true;
    }
    return signal.aborted;
  }

  /** What no event has told, because it was cut off or there was none; replies whether the job has ended. */
  async *#standing(): AsyncGenerator<JobEvent, boolean> {
    const { handle, id } = this.#parts;
    const found = await handle.jobs.read(id, 0);
    if (found === undefined) {
      // Its retention may have removed it at its end, which is then told by an event that was not seen yet.
      if (yield* this.#missed()) return true;
      return yield* this.#tell({ type: 'state', data: { state: 'unknown' } });
    }
    if (isFinished(found.state)) return yield* this.#tell(endOf(found));
    this.#state = found.state;
    yield* this.#newLines();
    return false;
  }

  /** Until something happens, or nothing for a while; replies whether it was the end. */
  async *#live(): AsyncGenerator<JobEvent, boolean> {
    const { buffer, options } = this.#parts;
    const { signal, heartbeatMs = 15_000 } = options;
    const heartbeatAt = Date.now() + heartbeatMs;
    for (;;) {
      const told = await buffer.next(Math.max(0, heartbeatAt - Date.now()), signal);
      if (signal.aborted) return false;
      if (told === undefined) {
        yield { type: 'heartbeat' };
        return false;
      }
      if (told.kind === 'look') {
        try {
          if (yield* this.#looked(told.look)) return true;
        } catch (error) {
          // The store is away: the next look comes when it is back.
          if (!(error instanceof QueueUnavailableError)) throw error;
        }
      } else if (told.kind === 'reset') {
        this.#eventId = told.eventId;
      } else if (isBehind(told.event.id, this.#eventId)) {
        this.#eventId = told.event.id;
        const content = toJobEvent(told.event, this.#isPrioritized);
        if (content !== undefined) return yield* this.#tell(content);
      }
    }
  }

  /** What a look shows that no event has told; replies whether the job has ended. */
  async *#looked({ eventId, state, logMark }: ToldLook): AsyncGenerator<JobEvent, boolean> {
    // An event that came since has told more.
    if (isBehind(this.#eventId, eventId)) return false;
    if (isOver(state)) return yield* this.#standing();
    if (logMark !== '' && logMark !== this.#logMark) {
      yield* this.#newLines();
      this.#logMark = logMark;
    }
    if (state !== this.#state) yield* this.#tell({ type: 'state', data: { state } });
    return false;
  }

  /** Tells of it, the lines of the log first that belong before an end; replies whether it is the end. */
  async *#tell(content: JobEventContent): AsyncGenerator<JobEvent, boolean> {
    const hasEnded = isEnd(content);
    if (content.type === 'state') this.#state = content.data.state;
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

function endOf({ job, state }: ReadJob): JobEventContent {
  return state === 'completed'
    ? { type: 'completed', data: { result: job.returnvalue ?? null } }
    : { type: 'failed', data: { error: parseFailure(job.failedReason ?? '') } };
}
