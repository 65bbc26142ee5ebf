import { UnsupportedError } from '@holdfast/redis-core';
import type { QueueHandle } from '../port/backend.ts';
import type { NewJob, Once } from '../job/new-job.ts';
import { publishEvent } from '../job/channels.ts';
import type { QueueDefinition } from '../job/define-queue.ts';
import { JobOptionsInvalidError } from '../job/errors.ts';
import {
  checkJobOptions,
  checkOnce,
  jobNameProblem,
  storedOptions,
  type JobOptions,
  type StoredJobOptions,
} from '../job/job-options.ts';
import { newJobId } from '../job/job-id.ts';
import type { JobState } from '../job/job-view.ts';
import { maxBatchJobs } from '../job/limits.ts';
import { compilePayload, type PayloadCheck } from '../job/payload.ts';
import type { AddJob } from './add-job.ts';
import { AddBatcher, type AddBatcherOptions } from './add-batcher.ts';
import { addMany, type AddManyOptions, type AddManyResult, type AddManyVia } from './add-many.ts';

export interface AddSettings {
  /** Makes the add happen once, however often it is sent, also when the job has run and is gone. */
  readonly once?: Once;
}

export interface AddResult {
  readonly id: string;
  readonly queue: string;
  readonly state: JobState;
  /** Whether this call added nothing, because a job is or was there: then id and state are of that job. */
  readonly duplicate: boolean;
  /** Where the queue makes one job of many: how many items the job has. */
  readonly items?: number;
}

/** Adds jobs to one queue: checks first, because the store checks nothing, then adds atomically. */
export class Producer {
  readonly #definition: QueueDefinition;
  readonly #handle: QueueHandle;
  readonly #checkPayload: PayloadCheck;
  readonly #batcher: AddBatcher;
  readonly #batchSize: number;
  /** Of every job that says nothing of its own but its id: one object, so that it is encoded once. */
  readonly #defaults: StoredJobOptions;

  /** @param batchSize how many jobs one command adds at most; 1: every job is sent by itself, at once */
  constructor(definition: QueueDefinition, handle: QueueHandle, batchSize = maxBatchJobs) {
    this.#definition = definition;
    this.#handle = handle;
    this.#checkPayload = compilePayload(definition.name, definition.payload);
    this.#batchSize = batchSize;
    this.#defaults = Object.freeze(storedOptions(definition));
    this.#batcher = this.createBatcher(async (jobs) => this.#handle.addMany(jobs));
  }

  /** For whoever sends the jobs of this queue by commands of its own. */
  createBatcher(send: AddBatcherOptions['send']): AddBatcher {
    return new AddBatcher({ queue: this.#definition.name, maxJobs: this.#batchSize, send });
  }

  /** Commands that add, and jobs whose callers wait for them. */
  get pending(): { readonly batches: number; readonly jobs: number } {
    return this.#batcher.pending;
  }

  /** See `Queues.add`. */
  async add(job: AddJob, { once }: AddSettings = {}): Promise<AddResult> {
    if (once !== undefined) checkOnce(once);
    return this.send({ ...this.prepare(job), ...(once !== undefined && { once }) });
  }

  /**
   * Checks a job and gives it what its queue says of all its jobs. Touches nothing outside.
   *
   * @throws JobInvalidError (422), JobTooLargeError (413), JobOptionsInvalidError (400)
   */
  prepare({ name, data, options }: AddJob): NewJob {
    const problem = name === undefined ? undefined : jobNameProblem(name);
    if (problem !== undefined) throw new JobOptionsInvalidError([{ path: '/name', message: problem }]);
    if (options !== undefined) checkJobOptions(options);
    if (options?.deduplication?.mode === 'reschedule' && this.#handle.kind === 'embedded') {
      throw new UnsupportedError(
        "The de-duplication mode reschedule is not available on the embedded backend: BullMQ's PostgreSQL does not have it.",
      );
    }
    const { json } = this.#checkPayload(data);
    return {
      // Every job gets an id of ours, so that an add whose reply was lost can be made again without a second job.
      id: options?.jobId ?? newJobId(),
      name: name ?? this.#definition.name,
      data,
      json,
      options: saysMoreThanId(options) ? storedOptions(this.#definition, options) : this.#defaults,
    };
  }

  /** Adds a job that was prepared. @throws as `QueueHandle.add` */
  async send(job: NewJob, batcher: AddBatcher = this.#batcher): Promise<AddResult> {
    const queue = this.#definition.name;
    const added = await batcher.add(job);
    publishEvent('holdfast:queue:job', () => ({ queue, job: added.id, event: added.existed ? 'duplicate' : 'added' }));
    return { id: added.id, queue, state: added.state, duplicate: added.existed };
  }

  /** See `Queues.addMany`. @param via where the jobs go; default: to the store */
  async addMany(jobs: readonly AddJob[], options: AddManyOptions = {}, via?: AddManyVia): Promise<AddManyResult> {
    const queue = this.#definition.name;
    const result = await addMany(jobs, options, {
      prepare: (job) => this.prepare(job),
      ...(via ?? {
        send: async (batch) => {
          publishEvent('holdfast:queue:batch', () => ({ queue, jobs: batch.length }));
          return this.#handle.addMany(batch.map(({ job }) => job));
        },
        // The store is away or full.
        endsAll: (error) => 'status' in error && (error.status === 503 || error.status === 507),
      }),
    });
    for (const { status, state } of result.items) {
      if (status === 'rejected' || state === 'outbox') continue;
      publishEvent('holdfast:queue:job', () => ({ queue, event: status === 'duplicate' ? 'duplicate' : 'added' }));
    }
    return result;
  }

  /** Sends what waits to be sent, and answers those who wait. */
  async close(): Promise<void> {
    await this.#batcher.close();
  }
}

function saysMoreThanId(options: JobOptions | undefined): options is JobOptions {
  for (const name in options) if (name !== 'jobId' && options[name as keyof JobOptions] !== undefined) return true;
  return false;
}
