import type { QueueHandle } from '../backends/backend.ts';
import { canBeJobId } from '../job-id.ts';
import { toJobView, type JobView } from '../job-view.ts';
import { maxLogLines } from '../limits.ts';

/** A job as it stands; `undefined` when there is none (any more). @throws QueueUnavailableError */
export async function readJob(handle: QueueHandle, id: string): Promise<JobView | undefined> {
  if (!canBeJobId(id)) return undefined;
  const found = await handle.jobs.read(id, maxLogLines);
  return found === undefined ? undefined : toJobView(handle.name, id, found.job, found.state, found.logs);
}
