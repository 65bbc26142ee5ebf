import { randomUUID } from 'node:crypto';
import type { QueueHandle } from '../backends/backend.ts';
import { publishEvent } from '../channels.ts';
import { QueueOutcomeUnknownError, QueueUnavailableError, type OutboxError } from '../errors.ts';
import type { AddJob, AddResult, Producer } from '../producer.ts';
import type { AddBatcher } from '../producing/add-batcher.ts';
import type { Pending } from '../producing/batch-stats.ts';
import type { NewOutboxEntry } from './entry.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Lane } from './lane.ts';
import { MarkedCommands, UnansweredError } from './marked-commands.ts';
import type { MarkerCleanup } from './marker-cleanup.ts';

export interface IntakeOptions {
  readonly lane: Lane;
  readonly producer: Producer;
  readonly handle: QueueHandle;
  readonly markers: MarkerCleanup;
  readonly commit: GroupCommit;
  /** A store that takes longer to answer an add counts as away. */
  readonly patienceMs: number;
  /** Whether a job of this id waits in the outbox. */
  readonly waits: (id: string) => boolean;
}

/** Adds jobs to one queue, or, while its store is away, to the outbox. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #batcher: AddBatcher;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const commands = new MarkedCommands(options);
    this.#batcher = options.producer.createBatcher(async (jobs) => commands.send(jobs));
  }

  /** Commands that add, and jobs whose callers wait for them. */
  get pending(): Pending {
    return this.#batcher.pending;
  }

  /** See `Outbox.add`. */
  async add(job: AddJob): Promise<AddResult> {
    const { lane, producer, waits } = this.#options;
    const { queue } = lane;
    const prepared = producer.prepare(job);
    const { id } = prepared;
    const entry = { queue, id, job, acceptedAt: Date.now() };
    if (lane.lastError !== undefined) return this.#keepUnsent(entry, undefined);
    if (lane.waiting > 0 && job.options?.jobId !== undefined && waits(id)) {
      return { id, queue, state: 'outbox', duplicate: true };
    }
    try {
      return await producer.send(prepared, this.#batcher);
    } catch (error) {
      if (error instanceof QueueUnavailableError) return this.#keepUnsent(entry, error);
      if (!(error instanceof UnansweredError)) throw error;
      const { token, place } = error.marker;
      const sent = { ...entry, token, ...(place !== undefined && { place }), sentAt: entry.acceptedAt };
      return this.#keep(sent, error);
    }
  }

  /** Sends what waits to be sent, and waits until it was answered, or was not in time. */
  async close(): Promise<void> {
    await this.#batcher.close();
  }

  async #keepUnsent(entry: Omit<NewOutboxEntry, 'token'>, cause: Error | undefined): Promise<AddResult> {
    return this.#keep({ ...entry, token: randomUUID() }, cause);
  }

  async #keep(entry: NewOutboxEntry, cause: Error | undefined): Promise<AddResult> {
    const { lane, commit } = this.#options;
    const { queue, id } = entry;
    try {
      const isNew = await commit.add(entry);
      if (isNew) {
        lane.accepted(cause);
        publishEvent('holdfast:queue:outbox', () => ({ queue, event: 'accepted', count: 1 }));
      }
      return { id, queue, state: 'outbox', duplicate: !isNew };
    } catch (error) {
      const { code } = error as OutboxError;
      publishEvent('holdfast:queue:outbox', () => ({ queue, event: 'refused', count: 1, code }));
      if (entry.sentAt === undefined) throw error;
      throw new QueueOutcomeUnknownError(
        `The store did not answer in time, and the outbox cannot keep the job: ${id} may or may not be in the queue "${queue}". Adding it again with this jobId is safe.`,
        { cause: error, jobId: id },
      );
    }
  }
}
