import type { QueueHandle } from '../port/backend.ts';
import { canBeJobId } from '../job/job-id.ts';
import { isFinished, toJobView, type JobState, type JobView } from '../job/job-view.ts';
import { maxLogLines } from '../job/limits.ts';

/** A job as it stands; `undefined` when there is none (any more). @throws QueueUnavailableError */
export async function readJob(handle: QueueHandle, id: string): Promise<JobView | undefined> {
  if (!canBeJobId(id)) return undefined;
  const found = await handle.jobs.read(id, maxLogLines);
  return found === undefined ? undefined : toJobView(handle.name, id, found.job, found.state, found.logs);
}

/**
 * The state of a job alone; `unknown` when there is none (any more). Costs the same for a large job as for a small one, so
 * it is what is asked again and again of a job that somebody waits for.
 *
 * @throws QueueUnavailableError
 */
export async function readState(handle: QueueHandle, id: string): Promise<JobState> {
  return handle.call((queue) => queue.getJobState(id));
}

/** Whether nothing more comes of a job in this state. */
export function isOver(state: JobState): boolean {
  return state === 'unknown' || isFinished(state);
}
