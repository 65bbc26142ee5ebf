import { Job, type JobJson, type Queue } from 'bullmq';
import type { JobState } from '../job/job-view.ts';
import type { Marker, NewJob } from '../job/new-job.ts';

/** A job as BullMQ stores it. */
export interface StoredNewJob {
  readonly id: string;
  readonly json: JobJson;
  readonly once: Marker | undefined;
}

/** What the store says of one job; `message` is its own where the job could not be added. */
export type AddReply =
  | { readonly outcome: 'added' | 'existed'; readonly id: string; readonly state: JobState }
  | { readonly outcome: 'error'; readonly message: string };

/** BullMQ's own job object makes what BullMQ's own scripts store. */
export function toStored(
  queue: Queue<unknown, unknown>,
  { id, name, data, json, options, once }: NewJob,
): StoredNewJob {
  const stored = new Job(queue, name, json === undefined ? data : null, options, id).asJSON();
  return { id, json: json === undefined ? stored : { ...stored, data: json }, once };
}
