import type { AddedJob, NewJob } from '../job/new-job.ts';
import { publishEvent } from '../job/channels.ts';
import { QueueBusyError, QueueUnavailableError } from '../job/errors.ts';
import { maxBatchBytes, maxPendingBytes, maxPendingJobs } from '../job/limits.ts';

export interface AddBatcherOptions {
  readonly queue: string;
  /** Never rejects; a result per job, in their order. */
  readonly send: (jobs: readonly NewJob[]) => Promise<(AddedJob | Error)[]>;
  /** 1: every job is sent by itself, at once. */
  readonly maxJobs: number;
  readonly maxPending?: number;
}

interface Pending {
  readonly job: NewJob;
  readonly bytes: number;
  readonly answer: PromiseWithResolvers<AddedJob>;
}

/**
 * How many jobs of several callbacks are enough for a command while none is under way: the store works on these while the
 * other sockets are read. Else the two wait for each other in turns, and do a tenth less in the same time.
 */
const firstJobs = 8;

/**
 * Sends the jobs that are added in one turn of the event loop together: a server that reads 30 requests at once makes one
 * or two commands of them, in one round trip, and a lone job waits for nobody. Each caller is answered once its job is stored.
 */
export class AddBatcher {
  readonly #options: AddBatcherOptions;
  #open: Pending[] = [];
  #openBytes = 0;
  #unanswered = 0;
  #unansweredBytes = 0;
  readonly #underWay = new Set<Promise<void>>();
  #flush: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(options: AddBatcherOptions) {
    this.#options = options;
  }

  /** Commands that are open or under way, and jobs that nobody was told of yet. */
  get pending(): { readonly batches: number; readonly jobs: number } {
    return { batches: this.#underWay.size + (this.#open.length > 0 ? 1 : 0), jobs: this.#unanswered };
  }

  /**
   * @throws what `send` says of this job; QueueBusyError when too many wait for their answer already
   */
  async add(job: NewJob): Promise<AddedJob> {
    const { queue, maxJobs, maxPending = maxPendingJobs } = this.#options;
    const bytes = sizeOf(job);
    if (this.#closed) throw new QueueUnavailableError(`The queue "${queue}" is closed.`);
    if (this.#unanswered >= maxPending || this.#unansweredBytes + bytes > maxPendingBytes) {
      throw new QueueBusyError(queue, this.#unanswered);
    }
    if (this.#openBytes + bytes > maxBatchBytes) this.#send();
    const answer = Promise.withResolvers<AddedJob>();
    this.#open.push({ job, bytes, answer });
    this.#openBytes += bytes;
    this.#unanswered += 1;
    this.#unansweredBytes += bytes;
    if (this.#open.length >= maxJobs) this.#send();
    else {
      this.#flush ??= setImmediate(() => this.#send());
      // Not at once: what one callback adds goes out as one command.
      if (this.#open.length === firstJobs) queueMicrotask(() => this.#sendToIdle());
    }
    return answer.promise;
  }

  /** Sends what is open and waits until everybody has been answered. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#send();
    await Promise.all(this.#underWay);
  }

  #sendToIdle(): void {
    if (this.#underWay.size === 0) this.#send();
  }

  #send(): void {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    if (this.#open.length === 0) return;
    const batch = this.#open;
    this.#open = [];
    this.#openBytes = 0;
    const sending = this.#answer(batch);
    this.#underWay.add(sending);
    void sending.finally(() => this.#underWay.delete(sending));
  }

  async #answer(batch: readonly Pending[]): Promise<void> {
    publishEvent('holdfast:queue:batch', () => ({ queue: this.#options.queue, jobs: batch.length }));
    let results: (AddedJob | Error)[];
    try {
      results = await this.#options.send(batch.map(({ job }) => job));
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      results = batch.map(() => failure);
    }
    for (const [index, { bytes, answer }] of batch.entries()) {
      this.#unanswered -= 1;
      this.#unansweredBytes -= bytes;
      const result = results[index] ?? new Error('The store answered for fewer jobs than it was given.');
      if (result instanceof Error) answer.reject(result);
      else answer.resolve(result);
    }
  }
}

/** Of its data; what is not ASCII counts a little less than its bytes. */
export function sizeOf({ json }: NewJob): number {
  return json?.length ?? 0;
}
