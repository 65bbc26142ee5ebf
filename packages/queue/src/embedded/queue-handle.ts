import { CommandError } from '@holdfast/redis-core';
import type { IQueueBackend, Queue } from 'bullmq';
import { EmbeddedJobStore } from './job-store.ts';
import type { JobStore } from '../port/job-store.ts';
import type { JobChanges } from '../port/job-changes.ts';
import { EmbeddedJobChanges } from './job-changes.ts';
import type { EmbeddedQueueAccess } from './queue-access.ts';
import { withDeadline } from '../port/deadline.ts';
import { addJobs } from './adding.ts';
import type { PgPool } from './pg-pool.ts';
import { readQueue } from './reading.ts';
import { QueueOutcomeUnknownError, QueueUnavailableError } from '../job/errors.ts';
import { EmbeddedFlowStore } from './flow-store.ts';
import type { FlowStore } from '../port/flow-store.ts';
import { EmbeddedScheduleRecords } from './schedule-records.ts';
import type { ScheduleRecords } from '../port/schedule-records.ts';
import type { QueueReading } from '../job/summary.ts';
import type { QueueHandle } from '../port/backend.ts';
import type { AddedJob, NewJob, Once } from '../job/new-job.ts';
import { toStored } from '../port/stored-job.ts';

export interface EmbeddedHandleOptions {
  readonly name: string;
  readonly queue: Queue<unknown, unknown>;
  readonly pool: PgPool;
  readonly commandTimeoutMs: number;
  readonly workers: () => number;
}

/** One queue on PGlite. */
export class EmbeddedQueueHandle implements QueueHandle {
  readonly kind = 'embedded';
  readonly name: string;
  readonly queue: Queue<unknown, unknown>;
  readonly changes: JobChanges;
  readonly flows: FlowStore;
  readonly jobs: JobStore;
  readonly scheduleRecords: ScheduleRecords;
  readonly #options: EmbeddedHandleOptions;
  #closed = false;

  constructor(options: EmbeddedHandleOptions) {
    this.name = options.name;
    this.queue = options.queue;
    this.#options = options;
    const access: EmbeddedQueueAccess = {
      name: options.name,
      run: (operation) => this.#run(operation),
      change: (operation) => toldUnknown(this.#run(operation)),
    };
    this.changes = new EmbeddedJobChanges(access);
    this.flows = new EmbeddedFlowStore(access);
    this.jobs = new EmbeddedJobStore(access);
    this.scheduleRecords = new EmbeddedScheduleRecords(access);
  }

  async add(job: NewJob): Promise<AddedJob> {
    const [added] = await this.addMany([job]);
    if (added === undefined || added instanceof Error)
      throw added ?? new QueueUnavailableError('Nothing was answered.');
    return added;
  }

  async addMany(jobs: readonly NewJob[], marker?: Once): Promise<(AddedJob | Error)[]> {
    const stored = jobs.map((job) => toStored(this.queue, job));
    const { pool, commandTimeoutMs } = this.#options;
    try {
      this.#refuseWhenClosed();
      const replies = await withDeadline(
        addJobs(pool, this.queue.getBackend() as unknown as IQueueBackend, this.name, stored, marker),
        commandTimeoutMs,
        () => new Error(`no answer within ${commandTimeoutMs} ms`),
      );
      return replies.map((reply) =>
        reply.outcome === 'error'
          ? new CommandError(`The embedded queue rejected a job: ${reply.message}`)
          : { id: reply.id, state: reply.state, existed: reply.outcome === 'existed' },
      );
    } catch (error) {
      if (error instanceof QueueUnavailableError) return jobs.map(() => error);
      // The one statement was rolled back.
      if (isDatabaseError(error)) {
        const rejected = new CommandError(`The embedded queue rejected the jobs: ${error.message}`, { cause: error });
        return jobs.map(() => rejected);
      }
      const reason = error instanceof Error ? error.message : String(error);
      return jobs.map(
        ({ id }) =>
          new QueueOutcomeUnknownError(
            `The embedded queue did not answer (${reason}): the job ${id} may still be added. Adding it again with this jobId is safe.`,
            { cause: error, jobId: id },
          ),
      );
    }
  }

  /** They end by themselves. Who forgets is the outbox, and there is none for a store that cannot be away. */
  async forget(): Promise<void> {}

  /** The store is in this process. */
  async now(): Promise<number> {
    return Date.now();
  }

  async read(): Promise<QueueReading> {
    this.#refuseWhenClosed();
    const reading = await this.#withDeadline(readQueue(this.#options.pool, this.name));
    return { ...reading, workers: this.#options.workers() };
  }

  async call<T>(operation: (queue: Queue<unknown, unknown>) => Promise<T>): Promise<T> {
    this.#refuseWhenClosed();
    return this.#withDeadline(operation(this.queue));
  }

  async change<T>(operation: (queue: Queue<unknown, unknown>) => Promise<T>): Promise<T> {
    this.#refuseWhenClosed();
    return toldUnknown(this.#withDeadline(operation(this.queue)));
  }

  async setPaused(isPaused: boolean): Promise<void> {
    await this.change((queue) => (isPaused ? queue.pause() : queue.resume()));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.queue.close();
  }

  async #run<T>(operation: (pool: PgPool) => Promise<T>): Promise<T> {
    this.#refuseWhenClosed();
    return this.#withDeadline(operation(this.#options.pool));
  }

  /** BullMQ never settles a call on a queue that was closed. */
  #refuseWhenClosed(): void {
    if (this.#closed) throw new QueueUnavailableError(`The queue "${this.name}" is closed.`);
  }

  async #withDeadline<T>(work: Promise<T>): Promise<T> {
    const { commandTimeoutMs } = this.#options;
    return withDeadline(
      work,
      commandTimeoutMs,
      () => new QueueUnavailableError(`The embedded queue did not answer within ${commandTimeoutMs} ms.`),
    );
  }
}

/** Of what changes something: no answer does not mean that nothing was changed. */
async function toldUnknown<T>(change: Promise<T>): Promise<T> {
  try {
    return await change;
  } catch (error) {
    if (!(error instanceof QueueUnavailableError)) throw error;
    throw new QueueOutcomeUnknownError(`${error.message} What was asked may or may not have been done.`, {
      cause: error,
    });
  }
}

/** Whether PostgreSQL itself answered with an error. */
function isDatabaseError(error: unknown): error is Error {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code)
  );
}
