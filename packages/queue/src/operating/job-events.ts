import { parseFailure, type JobErrorView, type JobState } from '../job/job-view.ts';
import type { FeedEvent } from './feed-event.ts';

/** What happens to a job, for those who watch it. `id` says where to go on after this event. */
export type JobEvent =
  | { readonly type: 'state'; readonly id: string; readonly data: { readonly state: JobState } }
  | { readonly type: 'progress'; readonly id: string; readonly data: { readonly progress: unknown } }
  | { readonly type: 'log'; readonly id: string; readonly data: { readonly line: string } }
  | { readonly type: 'completed'; readonly id: string; readonly data: { readonly result: unknown } }
  | { readonly type: 'failed'; readonly id: string; readonly data: { readonly error: JobErrorView } }
  /** Nothing happened for a while. */
  | { readonly type: 'heartbeat' };

type Content<Event> = Event extends { readonly id: string } ? Omit<Event, 'id'> : never;
export type JobEventContent = Content<JobEvent>;

/** `undefined` for what says nothing new to those who watch. */
export function toJobEvent({ kind, details }: FeedEvent, isPrioritized: boolean): JobEventContent | undefined {
  switch (kind) {
    case 'waiting':
      return { type: 'state', data: { state: isPrioritized ? 'prioritized' : 'waiting' } };
    case 'active':
    case 'delayed':
    case 'waiting-children':
      return { type: 'state', data: { state: kind } };
    case 'removed':
      return { type: 'state', data: { state: 'unknown' } };
    case 'progress':
      return { type: 'progress', data: { progress: details['data'] } };
    case 'completed':
      return { type: 'completed', data: { result: details['returnvalue'] ?? null } };
    case 'failed':
      return { type: 'failed', data: { error: parseFailure(String(details['failedReason'])) } };
    case 'stalled':
      // `waiting` or `failed` follows.
      return undefined;
  }
}

/** Nothing follows. */
export function isEnd(content: JobEventContent): boolean {
  return (
    content.type === 'completed' ||
    content.type === 'failed' ||
    (content.type === 'state' && content.data.state === 'unknown')
  );
}
