import { isoTime, parseFailure, type JobView } from '../job/job-view.ts';
import { feedEventOf, type FeedEvent } from './event-feed.ts';
import type { JobStore } from '../port/job-store.ts';
import { storedEvents } from './stored-events.ts';

/** What is known of a job that was there, and is not any more. */
export interface Sighting {
  /** How it stood when it was seen first. */
  readonly first: JobView;
  /** An event of the queue from before it was seen first. */
  readonly since: string;
  /** Its latest end, where somebody listened when it came. */
  readonly heard: FeedEvent | undefined;
}

/**
 * How a job ended that its retention has removed since: its end is an event, which the store keeps longer than the job.
 * `undefined` for a job that somebody has removed before it ended.
 */
export async function endOfGoneJob(store: JobStore, sighting: Sighting): Promise<JobView | undefined> {
  const { first, since, heard } = sighting;
  const events = await eventsOf(store, first.id, since, heard?.id);
  const end = events.findLast(isEnd) ?? heard;
  if (end === undefined) return undefined;
  const starts = events.filter(({ kind }) => kind === 'active');
  const started = starts.at(-1);
  const startedAt = (started === undefined ? undefined : timeOf(started)) ?? first.startedAt;
  const counted = first.attemptsMade + starts.length + (first.state === 'active' ? 1 : 0);
  const progress = events.findLast(({ kind }) => kind === 'progress')?.details['data'] ?? first.progress;
  const { error: _error, result: _result, ...standing } = first;
  return {
    ...standing,
    ...(end.kind === 'completed'
      ? { state: 'completed', result: end.details['returnvalue'] ?? null }
      : { state: 'failed', error: parseFailure(String(end.details['failedReason'])) }),
    progress,
    attemptsMade: Math.max(counted, first.attemptsMade + (events.length === 0 ? 1 : 0)),
    ...(startedAt !== undefined && { startedAt }),
    finishedAt: timeOf(end) ?? isoTime(Date.now()),
  };
}

export function isEnd({ kind }: FeedEvent): boolean {
  return kind === 'completed' || kind === 'failed';
}

/** Of one job, until the event `last` where that is known. */
async function eventsOf(store: JobStore, id: string, since: string, last?: string): Promise<FeedEvent[]> {
  const events: FeedEvent[] = [];
  for await (const event of storedEvents(store, since)) {
    const known = event.fields['jobId'] === id ? feedEventOf(event) : undefined;
    if (known !== undefined) events.push(known);
    if (event.id === last) break;
  }
  return events;
}

/** Redis numbers its events by the time; the embedded store does not. */
function timeOf({ id }: FeedEvent): string | undefined {
  return id.includes('-') ? isoTime(Number(id.split('-')[0])) : undefined;
}
