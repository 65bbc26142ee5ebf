import { checkOutboxOptions } from '../option-rules.ts';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { QueueBackend, QueueHandle } from '../backends/backend.ts';
import { JobStateError, OutboxError, queueErrors } from '../errors.ts';
import { isoTime, type JobView } from '../job-view.ts';
import type { AddJob, AddResult, Producer } from '../producer.ts';
import type { AddManyOptions, AddManyResult } from '../producing/add-many.ts';
import type { Pending } from '../producing/batch-stats.ts';
import { DiskRoom } from './disk-room.ts';
import { Departures } from './departures.ts';
import type { OutboxEntry } from './entry.ts';
import { GroupCommit } from './group-commit.ts';
import { Intake } from './intake.ts';
import { Lane } from './lane.ts';
import { MarkerCleanup } from './marker-cleanup.ts';
import { OutboxFile } from './outbox-file.ts';
import type { OutboxOptions, OutboxStatus } from './outbox-options.ts';

export type { OutboxOptions, OutboxStatus } from './outbox-options.ts';

interface OpenQueue {
  readonly producer: Producer;
  readonly handle: QueueHandle;
}

/** How long closing waits for a batch that is under way. What it then is, the next start finds out. */
const closePatienceMs = 1000;

/**
 * Opens the outbox of a folder, or makes it.
 *
 * @throws OptionInvalidError naming the option that is not allowed
 * @throws OutboxError when another process has it open, when it is damaged or cannot be written
 */
export function openOutbox(options: OutboxOptions): Outbox {
  checkOutboxOptions(options);
  return new Outbox(options);
}

/**
 * Takes jobs while the store of their queue is away, on disk, and forwards them when it is back: in their order, and one
 * job each, whatever dies in between. It belongs to the `Queues` that it is given to, which starts and closes it.
 */
export class Outbox {
  readonly #options: Required<Omit<OutboxOptions, 'freeBytes' | 'directory'>>;
  readonly #file: OutboxFile;
  readonly #commit: GroupCommit;
  readonly #departures = new Departures();
  readonly #intakes = new Map<string, Intake>();
  readonly #markers: MarkerCleanup[] = [];
  /** All lanes, also those of queues that nobody declares any more. */
  readonly #lanes: Lane[] = [];
  #backend: QueueBackend | undefined;
  #stopListening = (): void => undefined;
  #closing: Promise<void> | undefined;

  constructor({ directory, freeBytes, ...options }: OutboxOptions) {
    const { maxBytes = 256 * 1024 * 1024, maxJobs = 1_000_000, minFreeBytes = 64 * 1024 * 1024 } = options;
    this.#options = { maxBytes, maxJobs, minFreeBytes, patienceMs: options.patienceMs ?? 750 };
    this.#file = new OutboxFile(join(directory, 'outbox.db'), maxBytes);
    const room = new DiskRoom(directory, minFreeBytes, freeBytes);
    this.#commit = new GroupCommit({ file: this.#file, room, maxBytes, maxJobs });
  }

  /** Begins to forward. What had been set aside is tried once more: the configuration may have been mended. */
  start(backend: QueueBackend, queues: ReadonlyMap<string, OpenQueue>): void {
    this.#backend = backend;
    this.#file.takeUpExcept(queueErrors.outboxUndecided.code);
    const waiting = this.#file.waitingByQueue();
    for (const queue of new Set([...waiting.keys(), ...queues.keys()])) {
      const target = queues.get(queue);
      const markers = target && new MarkerCleanup(target.handle);
      const lane = new Lane({
        queue,
        file: this.#file,
        target: target && {
          handle: target.handle,
          prepare: (job) => target.producer.prepare(job),
          forget: (tokens) => markers?.add(...tokens),
        },
        waiting: waiting.get(queue) ?? 0,
        onLeft: (ids) => this.#departures.left(queue, ids),
      });
      this.#lanes.push(lane);
      if (target && markers) {
        this.#markers.push(markers);
        const { producer, handle } = target;
        const { patienceMs } = this.#options;
        const waits = (id: string): boolean => this.#waits(queue, id);
        const intake = new Intake({ lane, producer, handle, markers, commit: this.#commit, patienceMs, waits });
        this.#intakes.set(queue, intake);
      }
      lane.kick();
    }
    this.#stopListening = backend.onReturn(() => this.#kick());
  }

  /**
   * Adds a job to its queue; if the store is away, or becomes so meanwhile, to the outbox: the result's state is then
   * `outbox`, and the job is on disk. While older jobs wait for a store that is away, new ones queue up behind them.
   *
   * @throws as `Queues.add`; OutboxFullError and OutboxError (503) when the store is away and the job cannot be kept
   */
  async add(queue: string, job: AddJob): Promise<AddResult> {
    return this.#intake(queue).add(job);
  }

  /**
   * Adds many jobs as `add` does each of them: what the store cannot take now is on disk, and its item has the state
   * `outbox`. See `Queues.addMany`.
   */
  async addMany(queue: string, jobs: readonly AddJob[], options?: AddManyOptions): Promise<AddManyResult> {
    return this.#intake(queue).addMany(jobs, options);
  }

  /** Of a queue: commands that add, and jobs whose callers wait for them. */
  pending(queue: string): Pending {
    return this.#intakes.get(queue)?.pending ?? { batches: 0, jobs: 0 };
  }

  /** A job that waits here, or was set aside. @throws OutboxError */
  find(queue: string, id: string): JobView | undefined {
    const entry = this.#file.find(queue, id);
    return entry === undefined ? undefined : toJobView(entry);
  }

  /** Resolves when the job does not wait here any more, the time is over or `signal` is aborted. */
  async whenLeft(queue: string, id: string, waitMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#waits(queue, id)) await this.#departures.wait(queue, id, waitMs, signal);
  }

  get status(): OutboxStatus {
    const { waiting, setAside, bytes } = this.#file.totals;
    const { refusal } = this.#commit;
    const reason = refusal ?? this.#lanes.find((lane) => lane.lastError !== undefined)?.lastError;
    return {
      waiting,
      setAside,
      bytes,
      maxBytes: this.#options.maxBytes,
      oldestAgeMs: this.#oldestAgeMs(),
      accepting: refusal === undefined,
      ...(reason !== undefined && { reason: reason.message }),
    };
  }

  /** How many jobs lie here, those that were set aside among them. Also known when it is closed. */
  get size(): number {
    const { waiting, setAside } = this.#file.totals;
    return waiting + setAside;
  }

  /** How many commits it took to store what was accepted. */
  get commits(): number {
    return this.#commit.commits;
  }

  /**
   * Forwards what waits, for as long as the store is there and at most `timeoutMs`.
   *
   * @returns how many jobs still wait
   */
  async drain({ timeoutMs }: { readonly timeoutMs: number }): Promise<number> {
    const deadline = Date.now() + timeoutMs;
    this.#kick();
    while (this.#file.totals.waiting > 0 && this.#backend?.status.available === true && Date.now() < deadline) {
      await delay(5);
    }
    return this.#file.totals.waiting;
  }

  /** Jobs that cannot be forwarded as they are, each with its `error`; the oldest first. */
  setAside(limit = 1000): JobView[] {
    return this.#file.setAside(limit).map((entry) => toJobView(entry));
  }

  /**
   * Forwards what was set aside, whatever the reason was. A job of which nobody can tell whether it has run
   * (`OUTBOX_UNDECIDED`) may run a second time. @returns how many
   */
  retrySetAside(): number {
    const count = this.#file.takeUp();
    this.#recount();
    return count;
  }

  /**
   * Removes one job; replies whether there was one.
   *
   * @throws JobStateError (409) it was sent, and may be in the store
   */
  remove(queue: string, id: string): boolean {
    const entry = this.#file.find(queue, id);
    if (entry === undefined) return false;
    if (entry.reason === undefined && entry.sentAt !== undefined) {
      throw new JobStateError(
        id,
        'outbox',
        'was sent, and may be in the queue: remove it there when its Redis is back',
      );
    }
    this.#file.discard(entry.seq);
    this.#recount();
    this.#departures.left(queue, [id]);
    return true;
  }

  /**
   * Forwards one job that was set aside, as `retrySetAside` does for all; replies whether there was one.
   *
   * @throws JobStateError (409) it waits for its turn anyway
   */
  retry(queue: string, id: string): boolean {
    const entry = this.#file.find(queue, id);
    if (entry === undefined) return false;
    if (entry.reason === undefined) throw new JobStateError(id, 'outbox', 'is forwarded as soon as its Redis is back');
    this.#file.takeUp(entry.seq);
    this.#recount();
    return true;
  }

  /** Forgets what was set aside: those jobs never run. @returns how many */
  discardSetAside(): number {
    return this.#file.discard();
  }

  /** Releases the file; what is in it stays for the next start. May be called twice. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    this.#stopListening();
    await Promise.all([...this.#intakes.values()].map(async (intake) => intake.close()));
    // Those who were not answered hand in their jobs.
    await turn();
    for (const lane of this.#lanes) lane.close();
    this.#departures.close();
    this.#commit.flush();
    const deadline = Date.now() + closePatienceMs;
    while (this.#lanes.some((lane) => lane.active) && Date.now() < deadline) await delay(5);
    const cleanups = this.#markers.map(async (markers) => markers.flush());
    await Promise.race([Promise.all(cleanups), delay(closePatienceMs, undefined, { ref: false })]);
    this.#file.close();
  }

  #intake(queue: string): Intake {
    const intake = this.#intakes.get(queue);
    if (intake === undefined) throw new OutboxError(`The outbox ${this.#file.path} was not started.`);
    return intake;
  }

  #recount(): void {
    const waiting = this.#file.waitingByQueue();
    for (const lane of this.#lanes) lane.recount(waiting.get(lane.queue) ?? 0);
  }

  #oldestAgeMs(): number {
    const queues = this.#lanes.filter(({ waiting }) => waiting > 0).map(({ queue }) => queue);
    const times = queues.map((queue) => this.#file.oldest(queue)).filter((time) => time !== undefined);
    return times.length === 0 ? 0 : Math.max(0, Date.now() - Math.min(...times));
  }

  #kick(): void {
    for (const lane of this.#lanes) lane.kick();
  }

  #waits(queue: string, id: string): boolean {
    const entry = this.#file.find(queue, id);
    return entry !== undefined && entry.reason === undefined;
  }
}

function toJobView(entry: OutboxEntry): JobView {
  const { id, queue, job, acceptedAt, reason } = entry;
  return {
    id,
    queue,
    name: job.name ?? queue,
    state: 'outbox',
    data: job.data,
    ...(reason !== undefined && { error: reason }),
    progress: 0,
    attemptsMade: 0,
    createdAt: isoTime(acceptedAt),
  };
}
