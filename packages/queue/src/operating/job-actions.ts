import type { QueueHandle } from '../port/backend.ts';
import { JobStateError } from '../job/errors.ts';
import { canBeJobId } from '../job/job-id.ts';
import type { JobState } from '../job/job-view.ts';

/**
 * Removes a job in any state but `active`, with its logs; and in any state one that no worker can read.
 *
 * @returns whether there was one
 * @throws JobStateError (409) it runs, or it is the next job of a schedule
 */
export async function removeJob(handle: QueueHandle, id: string): Promise<boolean> {
  if (!canBeJobId(id)) return false;
  let outcome = await handle.changes.remove(id);
  if (outcome === 'locked' && (await handle.jobs.read(id, 0))?.canRun === false) {
    // A worker took it and could not make a job of it: nobody runs it, and nobody can cancel it.
    await handle.jobs.unlock(id);
    outcome = await handle.changes.remove(id);
  }
  if (outcome === 'locked') throw new JobStateError(id, 'active', 'is running: cancel it first');
  if (outcome === 'schedule') {
    throw new JobStateError(id, await stateOf(handle, id), 'is the next job of a schedule: pause or delete that');
  }
  return outcome === 'removed';
}

/**
 * Lets a failed job run again at once, with all its attempts and under the same id.
 *
 * @returns whether there was one
 * @throws JobStateError (409) it has not failed
 */
export async function retryJob(handle: QueueHandle, id: string): Promise<boolean> {
  const state = await stateOf(handle, id);
  if (state === 'unknown') return false;
  const { redriven } = await handle.changes.redrive([id]);
  if (redriven === 0) throw new JobStateError(id, await stateOf(handle, id), 'has not failed');
  return true;
}

/**
 * Lets a delayed job run as soon as there is a worker for it.
 *
 * @returns whether there was one
 * @throws JobStateError (409) it is not delayed
 */
export async function promoteJob(handle: QueueHandle, id: string): Promise<boolean> {
  if (!canBeJobId(id)) return false;
  if (await handle.changes.promote(id)) return true;
  const state = await stateOf(handle, id);
  if (state === 'unknown') return false;
  throw new JobStateError(id, state, 'is not delayed');
}

/** As it is shown: `unknown` also where its key holds something else, or nothing any more. */
async function stateOf(handle: QueueHandle, id: string): Promise<JobState> {
  const found = canBeJobId(id) ? await handle.jobs.read(id, 0) : undefined;
  return found?.state ?? 'unknown';
}
