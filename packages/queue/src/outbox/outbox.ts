import { openDiskFolder, type DiskFolder } from '@holdfast/redis-core/disk';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { QueueBackend, QueueHandle } from '../port/backend.ts';
import { JobStateError, OutboxError, queueErrors } from '../job/errors.ts';
import { isoTime, type JobView } from '../job/job-view.ts';
import type { AddResult, Producer } from '../producing/producer.ts';
import type { AddJob } from '../producing/add-job.ts';
import type { AddManyOptions, AddManyResult } from '../producing/add-many.ts';
import type { Pending } from '../producing/batch-stats.ts';
import { Departures } from './departures.ts';
import type { OutboxEntry } from './entry.ts';
import { GroupCommit } from './group-commit.ts';
import { Intake } from './intake.ts';
import { Lane, type LaneTarget } from './lane.ts';
import { MarkerCleanup } from './marker-cleanup.ts';
import { openOutboxFile, type OutboxFile } from './outbox-file.ts';
import { checkOutboxOptions, type OutboxOptions, type OutboxStatus } from './outbox-options.ts';

export type { OutboxOptions, OutboxStatus } from './outbox-options.ts';

interface OpenQueue {
  readonly producer: Producer;
  readonly handle: QueueHandle;
}

type OutboxLimits = Required<Pick<OutboxOptions, 'maxBytes' | 'maxJobs' | 'patienceMs'>>;

/** How long closing waits for a batch that is under way. What it then is, the next start finds out. */
const closePatienceMs = 1000;

/**
 * Opens the outbox of a folder, or makes it. Resolves also where the folder cannot be used for now, which its status says: it
 * takes no job until it can be.
 *
 * @throws OptionInvalidError naming the option that is not allowed
 */
export async function openOutbox(options: OutboxOptions): Promise<Outbox> {
  checkOutboxOptions(options);
  const { folder: given, maxBytes = 256 * 1024 * 1024, maxJobs = 1_000_000, patienceMs = 750 } = options;
  const minFreeBytes = options.minFreeBytes ?? 64 * 1024 * 1024;
  const own = typeof given === 'string' ? openDiskFolder({ directory: given }) : undefined;
  const file = await openOutboxFile(own ?? (given as DiskFolder), { maxBytes, minFreeBytes });
  return new Outbox(file, { maxBytes, maxJobs, patienceMs }, async () => own?.close());
}

/**
 * Takes jobs while the store of their queue is away, on disk, and forwards them when it is back: in their order, and one
 * job each, whatever dies in between. It belongs to the `Queues` that it is given to, which starts and closes it.
 */
export class Outbox {
  readonly #options: OutboxLimits;
  readonly #file: OutboxFile;
  readonly #release: () => Promise<void>;
  readonly #commit: GroupCommit;
  readonly #departures = new Departures();
  readonly #intakes = new Map<string, Intake>();
  readonly #markers: MarkerCleanup[] = [];
  /** All lanes, also those of queues that nobody declares any more. */
  readonly #lanes = new Map<string, Lane>();
  #backend: QueueBackend | undefined;
  #stops: readonly (() => void)[] = [];
  #closing: Promise<void> | undefined;

  constructor(file: OutboxFile, options: OutboxLimits, release: () => Promise<void>) {
    this.#options = options;
    this.#file = file;
    this.#release = release;
    this.#commit = new GroupCommit({ file, ...options });
  }

  /** Begins to forward. */
  start(backend: QueueBackend, queues: ReadonlyMap<string, OpenQueue>): void {
    this.#backend = backend;
    for (const [queue, target] of queues) this.#serve(queue, target);
    this.#stops = [backend.onReturn(() => this.#kick()), this.#file.onOpen(() => void this.#opened())];
    if (this.#file.fault === undefined) void this.#opened();
  }

  #serve(queue: string, { producer, handle }: OpenQueue): void {
    const markers = new MarkerCleanup(handle);
    const lane = this.#addLane(queue, {
      handle,
      prepare: (job) => producer.prepare(job),
      forget: (tokens) => markers.add(...tokens),
    });
    this.#markers.push(markers);
    const { patienceMs } = this.#options;
    const waits = async (id: string): Promise<boolean> => this.#waits(queue, id);
    const intake = new Intake({ lane, producer, handle, markers, commit: this.#commit, patienceMs, waits });
    this.#intakes.set(queue, intake);
  }

  #addLane(queue: string, target: LaneTarget | undefined): Lane {
    const onLeft = (ids: readonly string[]): void => this.#departures.left(queue, ids);
    const lane = new Lane({ queue, file: this.#file, target, onLeft });
    this.#lanes.set(queue, lane);
    return lane;
  }

  /** What is on disk is known. What had been set aside is tried once more: the configuration may have been mended. */
  async #opened(): Promise<void> {
    // Where the disk fails at this, it stays aside until the next time.
    await this.#file.takeUpExcept(queueErrors.outboxUndecided.code).catch(() => 0);
    for (const queue of this.#file.totals.queues.keys()) {
      if (!this.#lanes.has(queue)) this.#addLane(queue, undefined);
    }
    for (const lane of this.#lanes.values()) lane.reopened();
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

  /** A job that waits here, or was set aside. @throws OutboxError when the disk cannot say */
  async find(queue: string, id: string): Promise<JobView | undefined> {
    const entry = await this.#find(queue, id);
    return entry === undefined ? undefined : toJobView(entry);
  }

  /** Resolves when the job does not wait here any more, the time is over or `signal` is aborted. */
  async whenLeft(queue: string, id: string, waitMs: number, signal?: AbortSignal): Promise<void> {
    const isGone = new AbortController();
    const ended = AbortSignal.any([isGone.signal, ...(signal === undefined ? [] : [signal])]);
    // Before the disk is asked: it may leave meanwhile.
    const left = this.#departures.wait(queue, id, waitMs, ended);
    if (!(await this.#waits(queue, id).catch(() => false))) isGone.abort();
    await left;
  }

  /** Why its file cannot be used now, if so: it is hung, another process has it, … */
  get fault(): Error | undefined {
    return this.#file.fault;
  }

  get status(): OutboxStatus {
    const { waiting, setAside, bytes } = this.#file.totals;
    const { refusal } = this.#commit;
    const reason = refusal ?? [...this.#lanes.values()].find((lane) => lane.lastError !== undefined)?.lastError;
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

  /** Jobs that cannot be forwarded as they are, each with its `error`; the oldest first, and no more than 8 MiB. */
  async setAside(limit = 1000): Promise<JobView[]> {
    return (await this.#file.setAside(limit)).map((entry) => toJobView(entry));
  }

  /**
   * Forwards what was set aside, whatever the reason was. A job of which nobody can tell whether it has run
   * (`OUTBOX_UNDECIDED`) may run a second time. @returns how many
   */
  async retrySetAside(): Promise<number> {
    const count = await this.#file.takeUp();
    this.#kick();
    return count;
  }

  /**
   * Removes one job; replies whether there was one.
   *
   * @throws JobStateError (409) it was sent, and may be in the store
   */
  async remove(queue: string, id: string): Promise<boolean> {
    const entry = await this.#find(queue, id);
    if (entry === undefined) return false;
    if (entry.reason === undefined && entry.sentAt !== undefined) {
      throw new JobStateError(
        id,
        'outbox',
        'was sent, and may be in the queue: remove it there when its Redis is back',
      );
    }
    await this.#file.discard(entry.seq);
    this.#departures.left(queue, [id]);
    return true;
  }

  /**
   * Forwards one job that was set aside, as `retrySetAside` does for all; replies whether there was one.
   *
   * @throws JobStateError (409) it waits for its turn anyway
   */
  async retry(queue: string, id: string): Promise<boolean> {
    const entry = await this.#find(queue, id);
    if (entry === undefined) return false;
    if (entry.reason === undefined) throw new JobStateError(id, 'outbox', 'is forwarded as soon as its Redis is back');
    await this.#file.takeUp(entry.seq);
    this.#kick();
    return true;
  }

  /** Forgets what was set aside: those jobs never run. @returns how many */
  async discardSetAside(): Promise<number> {
    return this.#file.discard();
  }

  /** Ends what it does, and releases a folder of its own; what is in it stays for the next start. May be called twice. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    for (const stop of this.#stops) stop();
    await Promise.all([...this.#intakes.values()].map(async (intake) => intake.close()));
    // Those who were not answered hand in their jobs.
    await turn();
    const lanes = [...this.#lanes.values()];
    for (const lane of lanes) lane.close();
    this.#departures.close();
    await this.#commit.idle();
    const deadline = Date.now() + closePatienceMs;
    while (lanes.some((lane) => lane.active) && Date.now() < deadline) await delay(5);
    const cleanups = this.#markers.map(async (markers) => markers.flush());
    await Promise.race([Promise.all(cleanups), delay(closePatienceMs, undefined, { ref: false })]);
    await this.#release();
  }

  #intake(queue: string): Intake {
    const intake = this.#intakes.get(queue);
    if (intake === undefined) throw new OutboxError(`The outbox ${this.#file.path} was not started.`);
    return intake;
  }

  #oldestAgeMs(): number {
    const times = Array.from(this.#file.totals.queues.values(), ({ oldestAt }) => oldestAt);
    return times.length === 0 ? 0 : Math.max(0, Date.now() - Math.min(...times));
  }

  #kick(): void {
    for (const lane of this.#lanes.values()) lane.kick();
  }

  /** The disk is asked only where something is there that it could find. */
  async #find(queue: string, id: string): Promise<OutboxEntry | undefined> {
    const { waiting, setAside } = this.#file.totals;
    if (this.#file.isKnown && waiting + setAside === 0 && this.#lanes.get(queue)?.mayHold(id) !== true)
      return undefined;
    return this.#file.find(queue, id);
  }

  async #waits(queue: string, id: string): Promise<boolean> {
    const entry = await this.#find(queue, id);
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
