import type { StoredEvent } from '../port/job-store.ts';
import { parseStored } from '../job/stored-json.ts';

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

/** An event as its queue has stored it; `undefined` for what is nobody's here. */
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
