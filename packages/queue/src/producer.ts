import { randomUUID } from 'node:crypto';
import type { QueueHandle } from './backends/backend.ts';
import { publishEvent } from './channels.ts';
import type { QueueDefinition } from './define-queue.ts';
import { JobOptionsInvalidError } from './errors.ts';
import { checkJobOptions, storedOptions, type JobOptions } from './job-options.ts';
import type { JobState } from './job-view.ts';
import { compilePayload, type PayloadCheck } from './payload.ts';

export interface AddJob {
  /** Tells jobs of one queue apart in lists; 1 to 128 characters. Default: the name of the queue. */
  readonly name?: string;
  readonly data: unknown;
  readonly options?: JobOptions;
}

export interface AddResult {
  readonly id: string;
  readonly queue: string;
  readonly state: JobState;
  /** Whether a job of this id was there before, so that this call added nothing. */
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
  async add({ name, data, options = {} }: AddJob): Promise<AddResult> {
    const queue = this.#definition.name;
    if (name !== undefined && (name.length < 1 || name.length > 128)) {
      throw new JobOptionsInvalidError([{ path: '/name', message: 'must have 1 to 128 characters.' }]);
    }
    checkJobOptions(options);
    this.#checkPayload(data);

    // Every job gets an id of ours, so that an add whose reply was lost can be made again without a second job.
    const id = options.jobId ?? randomUUID();
    const { existed } = await this.#handle.add({
      id,
      name: name ?? queue,
      data,
      options: storedOptions(this.#definition, options),
      idIsGiven: options.jobId !== undefined,
    });
    publishEvent('holdfast:queue:job', () => ({ queue, event: existed ? 'duplicate' : 'added' }));
    return { id, queue, state: await this.#stateAfterAdd(id, existed, options), duplicate: existed };
  }

  async #stateAfterAdd(id: string, existed: boolean, options: JobOptions): Promise<JobState> {
    if (existed) return this.#handle.call((queue) => queue.getJobState(id));
    return (options.delayMs ?? 0) > 0 ? 'delayed' : 'prioritized';
  }
}
