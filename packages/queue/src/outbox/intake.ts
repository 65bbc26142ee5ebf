import { randomUUID } from 'node:crypto';
import { publishEvent } from '../channels.ts';
import { QueueOutcomeUnknownError, QueueUnavailableError, type OutboxError } from '../errors.ts';
import type { AddJob, AddResult, Producer } from '../producer.ts';
import type { NewOutboxEntry } from './entry.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Lane } from './lane.ts';
import type { MarkerCleanup } from './marker-cleanup.ts';
import { ImpatienceError, withPatience } from './patience.ts';
import { markerTtlMs } from './replay-window.ts';

export interface IntakeOptions {
  readonly lane: Lane;
  readonly producer: Producer;
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

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** See `Outbox.add`. */
  async add(job: AddJob): Promise<AddResult> {
    const { lane, producer, markers, patienceMs, waits } = this.#options;
    const { queue } = lane;
    const prepared = producer.prepare(job);
    const { id } = prepared;
    const token = randomUUID();
    const entry = { queue, id, token, job, acceptedAt: Date.now() };
    if (lane.lastError !== undefined) return this.#keep(entry, undefined);
    if (lane.waiting > 0 && job.options?.jobId !== undefined && waits(id)) {
      return { id, queue, state: 'outbox', duplicate: true };
    }
    try {
      const added = await withPatience(producer.send({ ...prepared, once: { token, ttlMs: markerTtlMs } }), patienceMs);
      // It was answered: nobody sends it again.
      markers.add(token);
      return added;
    } catch (error) {
      if (error instanceof QueueUnavailableError) return this.#keep(entry, error);
      const isUnknown = error instanceof QueueOutcomeUnknownError || error instanceof ImpatienceError;
      if (!isUnknown) throw error;
      return this.#keep({ ...entry, sentAt: entry.acceptedAt }, error);
    }
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
