import { isoTime, parseFailure, type JobView } from '../job/job-view.ts';
import type { JobStore } from '../port/job-store.ts';
import { isBehind } from './event-position.ts';
import { feedEventOf, type FeedEvent } from './feed-event.ts';
import type { SeenJob } from './read-job.ts';
import { storedEvents } from './stored-events.ts';

/** Of the events of one job what says how it ended. */
interface Course {
  readonly starts: number;
  readonly lastStart: FeedEvent | undefined;
  readonly progress: FeedEvent | undefined;
  readonly end: FeedEvent | undefined;
}

const nothing: Course = { starts: 0, lastStart: undefined, progress: undefined, end: undefined };

/**
 * How a job ended that its retention has removed since: its end is an event, which the store keeps longer than the job. Where
 * somebody listened all the time no event is asked for again.
 */
export class EndOfJob {
  readonly #store: JobStore;
  readonly #id: string;
  readonly #onEnd: () => void;
  #first: SeenJob | undefined;
  #heardAll = false;
  #course = nothing;
  /** Those that were heard before the job was seen first: which of them are behind that, is known then. */
  #early: FeedEvent[] = [];

  /** @param onEnd called when an end is heard that comes behind what was seen first */
  constructor(store: JobStore, id: string, onEnd: () => void) {
    this.#store = store;
    this.#id = id;
    this.#onEnd = onEnd;
  }

  /** The latest end that was heard. */
  get latest(): FeedEvent | undefined {
    return this.#course.end;
  }

  heard(event: FeedEvent): void {
    if (this.#first === undefined) {
      this.#early.push(event);
      return;
    }
    if (!isBehind(event.id, this.#first.eventId)) return;
    this.#course = continued(this.#course, event);
    if (isEnd(event)) this.#onEnd();
  }

  /** The store has lost events: those to come are behind this one. */
  reset(eventId: string): void {
    this.#early = [];
    if (this.#first !== undefined) this.#first = { ...this.#first, eventId };
  }

  /** @param heardAll whether somebody listens since before that */
  sawFirst(first: SeenJob, heardAll: boolean): void {
    this.#first = first;
    this.#heardAll = heardAll;
    const early = this.#early;
    this.#early = [];
    for (const event of early) this.heard(event);
  }

  /** The end was that of an earlier run: the job goes on. */
  forget(end: FeedEvent | undefined): void {
    if (this.#course.end === end) this.#course = { ...this.#course, end: undefined };
  }

  /** `undefined` for a job that somebody has removed before it ended. @throws QueueUnavailableError */
  async ofGoneJob(): Promise<JobView | undefined> {
    const first = this.#first;
    if (first === undefined) return undefined;
    const { end } = this.#course;
    const isKnown = this.#heardAll && end !== undefined;
    const course = isKnown ? this.#course : await storedCourse(this.#store, this.#id, first.eventId, end?.id);
    return viewOf(first.job, { ...course, end: course.end ?? end }, course !== nothing);
  }
}

export function isEnd({ kind }: FeedEvent): boolean {
  return kind === 'completed' || kind === 'failed';
}

function continued(course: Course, event: FeedEvent): Course {
  if (event.kind === 'active') return { ...course, starts: course.starts + 1, lastStart: event };
  if (event.kind === 'progress') return { ...course, progress: event };
  return isEnd(event) ? { ...course, end: event } : course;
}

/** What the store has of it, until the event `last` where that is known. */
async function storedCourse(store: JobStore, id: string, since: string, last?: string): Promise<Course> {
  let course = nothing;
  for await (const event of storedEvents(store, since)) {
    const known = event.fields['jobId'] === id ? feedEventOf(event) : undefined;
    if (known !== undefined) course = continued(course, known);
    if (event.id === last) break;
  }
  return course;
}

function viewOf(first: JobView, { starts, lastStart, progress, end }: Course, hasEvents: boolean): JobView | undefined {
  if (end === undefined) return undefined;
  const startedAt = (lastStart === undefined ? undefined : timeOf(lastStart)) ?? first.startedAt;
  // Its events may have been cut off: it ran once at least.
  const ran = starts + (first.state === 'active' ? 1 : 0);
  const counted = first.attemptsMade + (hasEvents ? ran : Math.max(1, ran));
  const { error: _error, result: _result, ...standing } = first;
  return {
    ...standing,
    ...(end.kind === 'completed'
      ? { state: 'completed', result: end.details['returnvalue'] ?? null }
      : { state: 'failed', error: parseFailure(String(end.details['failedReason'])) }),
    progress: progress?.details['data'] ?? first.progress,
    attemptsMade: counted,
    ...(startedAt !== undefined && { startedAt }),
    finishedAt: timeOf(end) ?? isoTime(Date.now()),
  };
}

/** Redis numbers its events by the time; the embedded store does not. */
function timeOf({ id }: FeedEvent): string | undefined {
  return id.includes('-') ? isoTime(Number(id.split('-')[0])) : undefined;
}
