import type { QueueHandle } from '../port/backend.ts';
import { BufferedBytes } from './buffered-bytes.ts';
import type { EventFeed } from './event-feed.ts';
import { promoteJob, removeJob, retryJob } from './job-actions.ts';
import type { JobEvent } from './job-events.ts';
import { listJobs, type JobList, type ListJobsOptions } from './list-jobs.ts';
import { checkCleanOptions, drainQueue, removeJobs, type CleanOptions, type DrainOptions } from './remove-jobs.ts';
import { watchJob, type WatchOptions } from './watch-job.ts';
import { isOutboxError } from '../outbox/outbox-errors.ts';
import type { Outbox } from '../outbox/outbox.ts';

export interface AdministeredQueue {
  readonly handle: QueueHandle;
  readonly feed: EventFeed;
}

/** What an operator does with queues: look through them, follow a job, change what becomes of jobs. */
export class QueueAdmin<Name extends string = string> {
  readonly #open: (queue: string) => AdministeredQueue;
  readonly #outbox: Outbox | undefined;
  readonly #buffered = new BufferedBytes();

  /**
   * @param open throws QueueUnknownError (404)
   * @param outbox where jobs are that are not in their queue yet
   */
  constructor(open: (queue: string) => AdministeredQueue, outbox?: Outbox) {
    this.#open = open;
    this.#outbox = outbox;
  }

  /**
   * Jobs of a queue, page by page: those that run next first; those that have ended, the last one first. A page costs
   * what it holds, however long the queue. A job that stays in its state is seen at least once.
   *
   * @throws QueueUnknownError (404), JobOptionsInvalidError (400: state, cursor, limit), QueueUnavailableError (503)
   */
  async list(queue: Name, options?: ListJobsOptions): Promise<JobList> {
    return listJobs(queue, this.#open(queue).handle.jobs, options);
  }

  /**
   * Follows a job until it has ended: its states, progress and log, then `completed` or `failed`. `undefined` when there
   * is no such job. A job that is removed ends with the state `unknown`.
   *
   * @throws QueueUnknownError (404), QueueUnavailableError (503); while reading: EventsOverflowError
   */
  async watch(queue: Name, id: string, options: WatchOptions): Promise<AsyncIterable<JobEvent> | undefined> {
    const { handle, feed } = this.#open(queue);
    return watchJob(handle, feed, id, options, this.#buffered);
  }

  /**
   * Removes a job that does not run, with its logs; replies whether there was one.
   *
   * @throws QueueUnknownError (404), JobStateError (409), QueueUnavailableError (503)
   */
  async remove(queue: Name, id: string): Promise<boolean> {
    const { handle } = this.#open(queue);
    return eitherOf(this.#outbox?.remove(queue, id), async () => removeJob(handle, id));
  }

  /**
   * Lets a failed job run again, with all its attempts and under the same id; replies whether there was one.
   *
   * @throws QueueUnknownError (404), JobStateError (409), QueueUnavailableError (503)
   */
  async retry(queue: Name, id: string): Promise<boolean> {
    const { handle } = this.#open(queue);
    return eitherOf(this.#outbox?.retry(queue, id), async () => retryJob(handle, id));
  }

  /**
   * Lets a delayed job run as soon as there is a worker for it; replies whether there was one.
   *
   * @throws QueueUnknownError (404), JobStateError (409), QueueUnavailableError (503)
   */
  async promote(queue: Name, id: string): Promise<boolean> {
    return promoteJob(this.#open(queue).handle, id);
  }

  /**
   * No worker takes a job of this queue, in any process, until `resume`. Those that run go on.
   *
   * @throws QueueUnknownError (404), QueueUnavailableError (503)
   */
  async pause(queue: Name): Promise<void> {
    await this.#open(queue).handle.setPaused(true);
  }

  /** @throws QueueUnknownError (404), QueueUnavailableError (503) */
  async resume(queue: Name): Promise<void> {
    await this.#open(queue).handle.setPaused(false);
  }

  /**
   * Removes the jobs that wait, in batches; replies how many. Those that run or have ended stay.
   *
   * @throws QueueUnknownError (404), QueueUnavailableError (503): some may have been removed
   */
  async drain(queue: Name, options?: DrainOptions): Promise<number> {
    return drainQueue(this.#open(queue).handle.changes, options);
  }

  /**
   * Removes old jobs of one state, in batches; replies how many.
   *
   * @throws QueueUnknownError (404), JobOptionsInvalidError (400), QueueUnavailableError (503)
   */
  async clean(queue: Name, options: CleanOptions): Promise<number> {
    const { changes } = this.#open(queue).handle;
    checkCleanOptions(options);
    return (await removeJobs(changes, options)).removed;
  }
}

/** Whether the job was in the outbox, or else in the store; a disk that cannot say matters only where the store has none. */
async function eitherOf(inOutbox: Promise<boolean> | undefined, inStore: () => Promise<boolean>): Promise<boolean> {
  const held = await inOutbox?.catch((error: unknown) => {
    if (isOutboxError(error)) return error;
    throw error;
  });
  if (held === true || (await inStore())) return true;
  if (held instanceof Error) throw held;
  return false;
}
