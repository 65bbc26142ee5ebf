import { JobStateError, queueErrors } from '../job/errors.ts';
import { canBeJobId } from '../job/job-id.ts';
import { formatFailure } from '../job/job-view.ts';
import { storableText } from '../job/storable.ts';
import type { WorkerRegistry } from '../port/worker-registry.ts';

/** Characters of why a job was cancelled. */
const maxReasonLength = 1000;

/** See `Queues.cancel`. */
export async function cancelJob(
  registry: WorkerRegistry,
  id: string,
  reason = 'Somebody cancelled it.',
): Promise<'waiting' | 'active' | undefined> {
  if (!canBeJobId(id)) return undefined;
  const failure = formatFailure(queueErrors.cancelled.code, storableText(reason.slice(0, maxReasonLength)));
  const outcome = await registry.cancel(id, failure);
  if (outcome === 'ended') throw new JobStateError(id, 'completed or failed', 'cannot be cancelled any more');
  if (outcome === 'waiting-children') throw new JobStateError(id, outcome, 'waits for its children: cancel those');
  return outcome === 'missing' ? undefined : outcome;
}
