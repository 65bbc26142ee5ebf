import type { QueueHandle } from '../port/backend.ts';
import { canBeJobId } from '../job/job-id.ts';
import { isFinished, toJobView, type JobState, type JobView } from '../job/job-view.ts';
import { maxLogLines } from '../job/limits.ts';

/** A job as it stands; `undefined` when there is none (any more). @throws QueueUnavailableError */
export async function readJob(handle: QueueHandle, id: string): Promise<JobView | undefined> {
  return (await seeJob(handle, id))?.job;
}

/** A job at one moment. */
export interface SeenJob {
  readonly job: JobView;
  /** What has happened since is behind this event of the queue. */
  readonly eventId: string;
}

/** As `readJob`, with the moment. */
export async function seeJob(handle: QueueHandle, id: string): Promise<SeenJob | undefined> {
  if (!canBeJobId(id)) return undefined;
  const found = await handle.jobs.read(id, maxLogLines);
  if (found === undefined) return undefined;
  return { job: toJobView(handle.name, id, found.job, found.state, found.logs), eventId: found.eventId };
}

/** Whether nothing more comes of a job in this state. */
export function isOver(state: JobState): boolean {
  return state === 'unknown' || isFinished(state);
}
