import { AccessRefusedError } from '@holdfast/redis-core';
import { randomUUID } from 'node:crypto';
import type { QueueHandle } from '../port/backend.ts';
import type { AddedJob, Marker } from '../job/new-job.ts';
import { publishEvent } from '../job/channels.ts';
import {
  OutboxUnknownError,
  QueueOutcomeUnknownError,
  QueueOutOfMemoryError,
  QueueUnavailableError,
  type OutboxError,
} from '../job/errors.ts';
import { maxBatchJobs } from '../job/limits.ts';
import type { AddResult, Producer } from '../producing/producer.ts';
import type { AddJob } from '../producing/add-job.ts';
import type { AddBatcher } from '../producing/add-batcher.ts';
import { maxCommandsUnderWay, type AddManyOptions, type AddManyResult, type BulkJob } from '../producing/add-many.ts';
import type { Pending } from '../producing/batch-stats.ts';
import { bodyOf } from './entry.ts';
import { maxCommitEntries, type GroupCommit } from './group-commit.ts';
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
  /** Whether a job of this id waits in the outbox. @throws OutboxError when its disk cannot say */
  readonly waits: (id: string) => Promise<boolean>;
}

type Offered = Pick<BulkJob, 'job' | 'source' | 'laterMs'>;

/** What is known of a job that was not answered for: that it was never sent, or how and when it was. */
type Sending = 'unsent' | { readonly marker: Marker; readonly sentAt: number };

/** Adds jobs to one queue, or, while its store is away, to the outbox. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #commands: MarkedCommands;
  readonly #batcher: AddBatcher;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#commands = new MarkedCommands(options);
    this.#batcher = options.producer.createBatcher(async (jobs) => this.#commands.send(jobs));
  }

  /** Commands that add, and jobs whose callers wait for them. */
  get pending(): Pending {
    return this.#batcher.pending;
  }

  /** See `Outbox.add`. */
  async add(source: AddJob): Promise<AddResult> {
    const { lane, producer } = this.#options;
    const { queue } = lane;
    const offered = { job: producer.prepare(source), source, laterMs: 0 };
    if (lane.lastError !== undefined) {
      const kept = await this.#keepFirst(offered);
      if (kept !== undefined) return toResult(queue, kept);
    }
    if (await this.#isHeld(offered)) return toResult(queue, heldBefore(offered));
    const sentAt = Date.now();
    try {
      return await producer.send(offered.job, this.#batcher);
    } catch (error) {
      return toResult(queue, await this.#keepIfUnanswered(offered, error, sentAt));
    }
  }

  /** See `Outbox.addMany`. */
  async addMany(jobs: readonly AddJob[], options?: AddManyOptions): Promise<AddManyResult> {
    const { lane, producer } = this.#options;
    return producer.addMany(jobs, options, {
      send: async (batch) => this.#sendMany(batch),
      // A store that is away or full ends nothing here; and one job may find no room in the outbox where a smaller one does.
      endsAll: () => false,
      // Two commits: one is on the disk while the next is on its way there.
      maxUnderWay: () => (lane.lastError === undefined ? maxCommandsUnderWay : (2 * maxCommitEntries) / maxBatchJobs),
    });
  }

  /** Sends what waits to be sent, and waits until it was answered, or was not in time. */
  async close(): Promise<void> {
    await this.#batcher.close();
  }

  /** One command, or a share of a commit; of each what became of it. */
  async #sendMany(batch: readonly BulkJob[]): Promise<(AddedJob | Error)[]> {
    if (this.#options.lane.lastError === undefined) return this.#sendNow(batch);
    const kept = await Promise.all(batch.map(async (offered) => this.#keepFirst(offered).catch(failed)));
    const sent = await this.#sendNow(batch.filter((_, index) => kept[index] === undefined));
    let next = 0;
    return batch.map((offered, index) => kept[index] ?? sent[next++] ?? heldBefore(offered));
  }

  async #sendNow(batch: readonly BulkJob[]): Promise<(AddedJob | Error)[]> {
    if (batch.length === 0) return [];
    const { queue } = this.#options.lane;
    const held = await Promise.all(batch.map(async (offered) => this.#isHeld(offered).catch(failed)));
    const sendable = batch.filter((_, index) => held[index] === false);
    const sentAt = Date.now();
    if (sendable.length > 0) publishEvent('holdfast:queue:batch', () => ({ queue, jobs: sendable.length }));
    const replies = sendable.length === 0 ? [] : await this.#commands.send(sendable.map(({ job }) => job));
    const replyOf = new Map(sendable.map((offered, index) => [offered, replies[index]]));
    return Promise.all(
      batch.map(async (offered, index) => {
        const isHeld = held[index];
        if (isHeld instanceof Error) return isHeld;
        const reply = replyOf.get(offered) ?? heldBefore(offered);
        if (!(reply instanceof Error)) return reply;
        return this.#keepIfUnanswered(offered, reply, sentAt).catch(failed);
      }),
    );
  }

  /** Keeps a job behind those that wait. `undefined`: the outbox cannot, for sure, so the store is asked: it may be back. */
  async #keepFirst(offered: Offered): Promise<AddedJob | undefined> {
    try {
      return await this.#put(offered, 'unsent', undefined);
    } catch (error) {
      if (error instanceof OutboxUnknownError) throw this.#refused(offered.job.id, error);
      return undefined;
    }
  }

  /** Only while something waits: in general there is nothing to look for. */
  async #isHeld({ job, source }: Offered): Promise<boolean> {
    const { lane, waits } = this.#options;
    return source.options?.jobId !== undefined && lane.mayHold(job.id) && waits(job.id);
  }

  /** @throws `error` itself, when it is the answer */
  async #keepIfUnanswered(offered: Offered, error: unknown, sentAt: number): Promise<AddedJob> {
    if (error instanceof QueueUnavailableError) return this.#keep(offered, 'unsent', error);
    // A store that is full, or forbids it, has not added the job, and takes it when somebody has mended that.
    if (error instanceof QueueOutOfMemoryError || error instanceof AccessRefusedError) {
      return this.#keep(offered, 'unsent', error).catch((thrown: unknown) => {
        // Where neither has room, the store is what somebody has to look at.
        throw thrown instanceof OutboxUnknownError ? thrown : error;
      });
    }
    if (error instanceof UnansweredError) return this.#keep(offered, { marker: error.marker, sentAt }, error);
    throw error;
  }

  async #keep(offered: Offered, sending: Sending, cause: Error | undefined): Promise<AddedJob> {
    const { id } = offered.job;
    try {
      return await this.#put(offered, sending, cause);
    } catch (error) {
      const refused = this.#refused(id, error as OutboxError);
      if (sending === 'unsent') throw refused;
      throw new QueueOutcomeUnknownError(
        `The store did not answer in time, and the outbox cannot keep the job: ${id} may or may not be in the queue "${this.#options.lane.queue}". Adding it again with this jobId is safe.`,
        { cause: refused, jobId: id },
      );
    }
  }

  async #put({ job, source, laterMs }: Offered, sending: Sending, cause: Error | undefined): Promise<AddedJob> {
    const { lane, commit } = this.#options;
    const { queue } = lane;
    const { id } = job;
    // A job that was spread has its time already.
    const acceptedAt = job.options.timestamp ?? Date.now();
    const entry = { queue, id, ...placeOf(sending), body: bodyOf(source, job.json), acceptedAt, laterMs };
    const isNew = await commit.add(entry);
    if (isNew) {
      lane.accepted(cause);
      publishEvent('holdfast:queue:outbox', () => ({ queue, event: 'accepted', count: 1 }));
    }
    return { id, state: 'outbox', existed: !isNew };
  }

  #refused(id: string, error: OutboxError): Error {
    const { lane } = this.#options;
    const { code } = error;
    publishEvent('holdfast:queue:outbox', () => ({ queue: lane.queue, event: 'refused', count: 1, code }));
    if (!(error instanceof OutboxUnknownError)) return error;
    lane.lost(id);
    return new OutboxUnknownError(
      `The disk of the outbox did not answer in time: the job ${id} may or may not be kept. Adding it again with this jobId is safe.`,
      { cause: error, jobId: id },
    );
  }
}

function placeOf(sending: Sending): { readonly token: string; readonly place?: number; readonly sentAt?: number } {
  if (sending === 'unsent') return { token: randomUUID() };
  const { token, place } = sending.marker;
  return { token, sentAt: sending.sentAt, ...(place !== undefined && { place }) };
}

function failed(error: unknown): Error {
  return error as Error;
}

function heldBefore({ job }: Offered): AddedJob {
  return { id: job.id, state: 'outbox', existed: true };
}

function toResult(queue: string, { id, state, existed }: AddedJob): AddResult {
  return { id, queue, state, duplicate: existed };
}
