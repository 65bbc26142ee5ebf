import { randomUUID } from 'node:crypto';
import type { Once, QueueHandle } from './backends/backend.ts';
import { publishEvent } from './channels.ts';
import type { QueueDefinition } from './define-queue.ts';
import { JobOptionsInvalidError } from './errors.ts';
import { checkJobOptions, checkOnce, storedOptions, type JobOptions } from './job-options.ts';
import type { JobState } from './job-view.ts';
import { compilePayload, type PayloadCheck } from './payload.ts';

export interface AddJob {
  /** Tells jobs of one queue apart in lists; 1 to 128 characters. Default: the name of the queue. */
  readonly name?: string;
  readonly data: unknown;
  readonly options?: JobOptions;
}

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
}

/** Adds jobs to one queue: checks first, because the store checks nothing, then adds atomically. */
export class Producer {
  readonly #definition: QueueDefinition;
  readonly #handle: QueueHandle;
  readonly #checkPayload: PayloadCheck;

  constructor(definition: QueueDefinition, handle: QueueHandle) {
    this.#definition = definition;
    this.#handle = handle;
    this.#checkPayload = compilePayload(definition.name, definition.payload);
  }

  /** See `Queues.add`. */
  async add({ name, data, options = {} }: AddJob, { once }: AddSettings = {}): Promise<AddResult> {
    const queue = this.#definition.name;
    if (name !== undefined && (name.length < 1 || name.length > 128)) {
      throw new JobOptionsInvalidError([{ path: '/name', message: 'must have 1 to 128 characters.' }]);
    }
    checkJobOptions(options);
    if (once !== undefined) checkOnce(once);
    this.#checkPayload(data);

    // Every job gets an id of ours, so that an add whose reply was lost can be made again without a second job.
    const id = options.jobId ?? randomUUID();
    const added = await this.#handle.add({
      id,
      name: name ?? queue,
      data,
      options: storedOptions(this.#definition, options),
      ...(once !== undefined && { once }),
    });
    publishEvent('holdfast:queue:job', () => ({ queue, event: added.existed ? 'duplicate' : 'added' }));
    return { id: added.id, queue, state: added.state, duplicate: added.existed };
  }
}
