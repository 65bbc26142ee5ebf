import type { Queue } from 'bullmq';
import type { QueueHandle } from '../port/backend.ts';
import { JobStateError } from '../job/errors.ts';
import { canBeJobId } from '../job/job-id.ts';
import type { JobState } from '../job/job-view.ts';

/** What BullMQ says to a removal that it refuses. */
const isRunning = 0;
const belongsToSchedule = -8;

/**
 * Removes a job in any state but `active`, with its logs; and in any state one that no worker can read.
 *
 * @returns whether there was one
 * @throws JobStateError (409) it runs, or it is the next job of a schedule
 */
export async function removeJob(handle: QueueHandle, id: string): Promise<boolean> {
  if (!canBeJobId(id)) return false;
  // Where its entry is all that is left of a job, that is removed.
  const state = await handle.call((queue) => queue.getJobState(id));
  if (state === 'unknown') return false;
  let answer = await handle.call(async (queue) => tryRemove(queue, id));
  if (answer === isRunning && (await handle.jobs.read(id, 0))?.canRun === false) {
    // A worker took it and could not make a job of it: nobody runs it, and nobody can cancel it.
    await handle.jobs.unlock(id);
    answer = await handle.call(async (queue) => tryRemove(queue, id));
  }
  if (answer === isRunning) throw new JobStateError(id, 'active', 'is running: cancel it first');
  if (answer === belongsToSchedule) {
    throw new JobStateError(id, state, 'is the next job of a schedule: pause or delete that');
  }
  return true;
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
  const { redriven } = await handle.deadLetters.redrive([id]);
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
  try {
    await handle.call((queue) => queue.getBackend().promote(id));
    return true;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const state = await stateOf(handle, id);
    if (state === 'unknown') return false;
    throw new JobStateError(id, state, 'is not delayed');
  }
}

/** 1 when the job is gone, or one of the refusals above. */
export async function tryRemove(queue: Queue<unknown, unknown>, id: string): Promise<number> {
  try {
    return await queue.remove(id);
  } catch (error) {
    if (isRefusal(error)) return error.code;
    throw error;
  }
}

/** As it is shown: `unknown` also where its key holds something else, or nothing any more. */
async function stateOf(handle: QueueHandle, id: string): Promise<JobState> {
  const found = canBeJobId(id) ? await handle.jobs.read(id, 0) : undefined;
  return found?.state ?? 'unknown';
}

/** BullMQ's scripts answer with negative numbers: there is no such job, or not in the state that it was looked for in. */
function isRefusal(error: unknown): error is { readonly code: number } {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'number' && code < 0;
}
