import { EventFeed } from './operating/event-feed.ts';
import { QueueAdmin } from './operating/queue-admin.ts';
import { readJob } from './operating/read-job.ts';
import { cancelJob } from './consuming/cancel.ts';
import { addFlow } from './flows/add-flow.ts';
import type { FlowJob, FlowResult } from './flows/flow.ts';
import { canBeJobId } from './job/job-id.ts';
import type { QueueBackend, QueueHandle } from './port/backend.ts';
import {
  DeadLetters,
  type CleanDeadLettersOptions,
  type DeadLetterListOptions,
  type RedriveOptions,
  type RedriveReport,
} from './operating/dead-letters.ts';
import type { CleanReport } from './operating/remove-jobs.ts';
import type { DeadLetterPage } from './job/dead-letter.ts';
import type { AcceptedData, Catalogue, DefinitionOf, NameOf, ResultOf } from './job/catalogue.ts';
import type { QueueDefinition } from './job/define-queue.ts';
import { QueueDefinitionError, QueueDisabledError, QueueUnknownError } from './job/errors.ts';
import type { JobView } from './job/job-view.ts';
import { JobWaiter } from './operating/job-waiter.ts';
import { maxWaitMs } from './job/limits.ts';
import { toError } from './outbox/batch-outcome.ts';
import type { Outbox } from './outbox/outbox.ts';
import type { AddManyOptions, AddManyResult } from './producing/add-many.ts';
import { Coalescing, type CoalescerSettings, type ItemCoalescer } from './producing/coalescing.ts';
import { batchStatsOf, type BatchStats, type Pending } from './producing/batch-stats.ts';
import { Producer, type AddResult, type AddSettings } from './producing/producer.ts';
import type { AddJob } from './producing/add-job.ts';
import { ensureSchedule, entriesOf, type ScheduleEntry } from './schedules/declared.ts';
import { Declarations } from './schedules/declarations.ts';
import { Schedules } from './schedules/schedules.ts';
import { checkGetOptions, checkQueuesOptions, type GetOptions, type QueuesOptions } from './queues-options.ts';
import { policyOf, type QueueSummary } from './job/summary.ts';

interface OpenQueue {
  readonly definition: QueueDefinition;
  readonly handle: QueueHandle;
  readonly producer: Producer;
  readonly coalescing: Coalescing;
  readonly waiter: JobWaiter;
  readonly feed: EventFeed;
  readonly deadLetters: DeadLetters;
}

/**
 * The declared queues, seen from those who add jobs and ask for them. Connections are made in the background: the
 * constructor neither waits nor fails when the store is away, and each call then fails fast.
 *
 * `Known` is what the compiler knows of the queues: see `Catalogue`.
 */
export class Queues<const Known extends Catalogue = Catalogue> {
  /** Where jobs are while the store is away, if that was asked for. */
  readonly outbox: Outbox | undefined;
  readonly #backend: QueueBackend;
  /** For operators. */
  readonly admin: QueueAdmin<NameOf<Known>>;
  readonly #queues = new Map<string, OpenQueue>();
  readonly #disabled: ReadonlySet<string>;
  readonly schedules: Schedules<Known>;
  readonly #declarations: Declarations;

  /**
   * @throws QueueDefinitionError when two definitions have one name.
   * @throws OptionInvalidError naming the option that is not allowed
   */
  constructor(options: QueuesOptions<Known>) {
    checkQueuesOptions(options);
    const { backend, outbox, definitions, disabled = [], addBatchSize } = options;
    this.#disabled = new Set(disabled);
    this.#backend = backend;
    this.#declarations = new Declarations(options.generation);
    this.schedules = new Schedules<Known>((queue) => this.#open(queue), this.#declarations);
    this.outbox = outbox;
    this.admin = new QueueAdmin((name) => this.#open(name), outbox);
    for (const definition of definitions) {
      const { name } = definition;
      if (this.#queues.has(name)) throw new QueueDefinitionError(`Two queues have the name "${name}".`);
      const handle = backend.open(name);
      const producer = new Producer(definition, handle, addBatchSize);
      const feed = new EventFeed({ handle, openEvents: () => backend.openEvents(name) });
      const waiter = new JobWaiter({ handle, feed });
      const deadLetters = new DeadLetters(handle);
      const coalescing = new Coalescing({
        definition,
        check: (job) => void producer.prepare(job),
        add: async (job) => this.#add(name, job),
      });
      this.#queues.set(name, { definition, handle, producer, coalescing, waiter, feed, deadLetters });
    }
    outbox?.start(backend, this.#queues);
  }

  names(): NameOf<Known>[] {
    return [...this.#queues.values()].map(({ definition }) => definition.name);
  }

  /** @throws QueueUnknownError, or QueueDisabledError where it is turned off (404), as all that takes a name */
  definition<Name extends NameOf<Known>>(name: Name): DefinitionOf<Known, Name> {
    // Under each name is what `Known` has under it: the constructor has put it there.
    return this.#open(name).definition as DefinitionOf<Known, Name>;
  }

  /**
   * Adds a job, unless one with its `options.jobId` exists: then nothing is added and `duplicate` is true. That is
   * decided atomically, over all processes. With an outbox, a job that the store cannot take now is kept there: its
   * `state` is then `outbox`, and it is on disk.
   *
   * @throws QueueUnknownError (404), JobInvalidError (422), JobTooLargeError (413), JobOptionsInvalidError (400)
   * @throws OutboxFullError, OutboxError (503) the store is away, and the outbox cannot keep the job.
   * @throws OutboxUnknownError (503) likewise, and nobody knows whether it is kept: adding it again under its id is safe.
   * @throws QueueUnavailableError (503) nothing was added, nor will be later.
   * @throws QueueOutcomeUnknownError (503) it may have been added; adding it again under the error's `jobId` is safe.
   * @throws QueueOutOfMemoryError (507)
   */
  async add<Name extends NameOf<Known>>(
    queue: Name,
    job: AddJob<AcceptedData<Known, Name>>,
    settings?: AddSettings,
  ): Promise<AddResult> {
    const { producer, coalescing } = this.#open(queue);
    // A caller with a marker of its own repeats the add by itself.
    if (settings?.once !== undefined) return producer.add(job, settings);
    return coalescing.add(job) ?? this.#add(queue, job);
  }

  /**
   * Makes one job of many items of one queue; see `coalesce` of a definition for jobs that are alike but for one array.
   *
   * @throws QueueUnknownError (404), JobOptionsInvalidError (400)
   */
  coalescer<Name extends NameOf<Known>, Item>(
    queue: Name,
    settings: CoalescerSettings<Item, AcceptedData<Known, Name>>,
  ): ItemCoalescer<Item> {
    return this.#open(queue).coalescing.coalescer(settings);
  }

  async #add(queue: string, job: AddJob): Promise<AddResult> {
    return this.outbox === undefined ? this.#open(queue).producer.add(job) : this.outbox.add(queue, job);
  }

  /**
   * Adds up to 10 000 jobs in few commands; never throws for a job, but says of each what became of it. With an outbox,
   * those that the store cannot take now are kept there, and their items have the state `outbox`. Adding those again whose
   * outcome is not known is safe under their `id`.
   *
   * @throws QueueUnknownError (404), JobOptionsInvalidError (400) for too many jobs or a wrong `spreadMs`
   */
  async addMany<Name extends NameOf<Known>>(
    queue: Name,
    jobs: readonly AddJob<AcceptedData<Known, Name>>[],
    options?: AddManyOptions,
  ): Promise<AddManyResult> {
    const { producer } = this.#open(queue);
    return this.outbox === undefined ? producer.addMany(jobs, options) : this.outbox.addMany(queue, jobs, options);
  }

  /**
   * Adds a job together with the jobs that it waits for: all of them, or none. When a job of the root's id exists nothing
   * is added, and `duplicate` is true; so give it a `jobId`, and its children too, where the call may have to be repeated.
   *
   * @throws QueueUnknownError (404); JobInvalidError (422), JobOptionsInvalidError (400), JobTooLargeError (413) with paths
   *   such as `/children/0/data/to`
   * @throws FlowUnsupportedError (422) it spans queues, and the store is a cluster
   * @throws FlowConflictError (409) another job than the root exists
   * @throws QueueUnavailableError, QueueOutcomeUnknownError (503), QueueOutOfMemoryError (507) as `add`
   */
  async addFlow(flow: FlowJob<Known>): Promise<FlowResult> {
    return addFlow(flow, this.#backend, (queue) => this.#open(queue));
  }

  /**
   * The job, or `undefined` when there is none of this id (any more). With `waitMs` it answers as soon as the job has
   * ended, and after that time with the job as it then is; so it does where the retention of the queue removes the job at
   * its end. The type of its result is what its queue says: it is not checked, and another program may have left another.
   *
   * @throws QueueUnknownError (404), QueueUnavailableError (503); OutboxError (503) when the store has none and the disk of the
   *   outbox cannot say
   */
  async get<Name extends NameOf<Known>>(
    queue: Name,
    id: string,
    options?: GetOptions,
  ): Promise<JobView<ResultOf<DefinitionOf<Known, Name>>> | undefined> {
    return (await this.#get(queue, id, options)) as JobView<ResultOf<DefinitionOf<Known, Name>>> | undefined;
  }

  async #get(queue: string, id: string, options: GetOptions = {}): Promise<JobView | undefined> {
    checkGetOptions(options);
    const { waitMs = 0, signal } = options;
    const { handle, waiter } = this.#open(queue);
    if (!canBeJobId(id)) return undefined;
    const deadline = Date.now() + Math.min(waitMs, maxWaitMs);
    if (waitMs > 0) await this.outbox?.whenLeft(queue, id, Math.min(waitMs, maxWaitMs), signal);
    const held = await this.outbox?.find(queue, id).catch((error: unknown) => toError(error));
    if (held !== undefined && !(held instanceof Error)) return held;
    const leftMs = deadline - Date.now();
    const found = await (waitMs > 0 && leftMs > 0 ? waiter.wait(id, leftMs, signal) : readJob(handle, id));
    // Nobody knows of it, but one could not be asked.
    if (found === undefined && held !== undefined) throw held;
    return found;
  }

  /**
   * Cancels a job that has not ended, wherever it is. One that waited or was delayed has failed with `JOB_CANCELLED` when
   * this resolves (`waiting`); no `onGivenUp` hears of it. One that runs is told through its signal, at once in whatever process
   * it is, or, where that message is lost, with the next heartbeat of its worker (2 s; 20 s in the profile `low-cost`). It
   * fails then, whatever attempts it has left (`active`); it may still end well before.
   * `undefined` when there is no such job.
   *
   * @throws QueueUnknownError (404), JobStateError (409: it has ended, waits for its children, or is the next of a schedule),
   *   QueueUnavailableError (503)
   */
  async cancel(queue: NameOf<Known>, id: string, reason?: string): Promise<'waiting' | 'active' | undefined> {
    const { name } = this.#open(queue).definition;
    return cancelJob(name, this.#backend.registry(name), id, reason);
  }

  /** @throws QueueUnknownError (404), QueueUnavailableError (503) */
  async summary(queue: NameOf<Known>): Promise<QueueSummary> {
    const { definition, handle } = this.#open(queue);
    const reading = await handle.read();
    return { name: queue, prefix: this.#backend.prefixOf(queue), ...reading, policy: policyOf(definition) };
  }

  /** All queues, in the order of their definitions. */
  async summaries(): Promise<QueueSummary[]> {
    return Promise.all(this.names().map((name) => this.summary(name)));
  }

  /**
   * Makes the schedules be as declared, and adds the jobs that run at each start. Any number of processes may do so at
   * once. Without `entries`, those of the definitions that have a schedule or run at start, with empty data.
   * Replies those of which a newer release declares something else (see `generation`): they are left as they are.
   *
   * @throws QueueUnknownError, JobInvalidError when the data does not fit the queue, JobOptionsInvalidError for an id that
   *   cannot be one, QueueUnavailableError (503)
   */
  async ensureSchedules(entries?: readonly ScheduleEntry<Known>[]): Promise<ScheduleEntry<Known>[]> {
    const superseded: ScheduleEntry<Known>[] = [];
    for (const entry of entries ?? entriesOf([...this.#queues.values()].map((open) => open.definition))) {
      const { definition, handle, producer } = this.#open(entry.queue);
      const holds = await ensureSchedule(entry, { definition, handle, producer }, this.#declarations);
      if (!holds) superseded.push(entry as ScheduleEntry<Known>);
    }
    return superseded;
  }

  /**
   * The jobs that have failed for good, the newest first. They are what the retention of the queue keeps.
   *
   * @throws QueueUnknownError (404), JobOptionsInvalidError (400: cursor, limit), QueueUnavailableError (503)
   */
  async deadLetters(queue: NameOf<Known>, options?: DeadLetterListOptions): Promise<DeadLetterPage> {
    return this.#open(queue).deadLetters.list(options);
  }

  /**
   * Lets dead letters run again, with all their attempts and under the same ids: those of `ids`, or all that had failed
   * before the call. In batches: one that is interrupted has redriven what it has, and may be called again.
   *
   * @throws QueueUnknownError (404), JobOptionsInvalidError (400), QueueUnavailableError (503)
   */
  async redrive(queue: NameOf<Known>, options?: RedriveOptions): Promise<RedriveReport> {
    return this.#open(queue).deadLetters.redrive(options);
  }

  /**
   * Removes dead letters with all that belongs to them: those of `ids`, or all; with `olderThanMs` only older ones.
   *
   * @throws QueueUnknownError (404), JobOptionsInvalidError (400), QueueUnavailableError (503)
   */
  async cleanDeadLetters(queue: NameOf<Known>, options?: CleanDeadLettersOptions): Promise<CleanReport> {
    return this.#open(queue).deadLetters.clean(options);
  }

  /** What is being gathered and sent at this moment. */
  batchStats(): BatchStats {
    const open = [...this.#queues.values()];
    return batchStatsOf(
      open.flatMap(({ definition: { name }, producer, coalescing }): [string, Pending][] => [
        [name, producer.pending],
        [name, coalescing.pending],
        ...(this.outbox === undefined ? [] : [[name, this.outbox.pending(name)] satisfies [string, Pending]]),
      ]),
    );
  }

  /** Sends what waits to be sent, ends the waits and closes the connections of this object's backend. May be called twice. */
  async close(): Promise<void> {
    this.#declarations.close();
    await Promise.all([...this.#queues.values()].map((open) => open.coalescing.close()));
    await Promise.all([...this.#queues.values()].map((open) => open.producer.close()));
    for (const open of this.#queues.values()) open.waiter.close();
    await Promise.all([...this.#queues.values()].map((open) => open.feed.close()));
    await this.outbox?.close();
    await this.#backend.close();
  }

  #open(name: string): OpenQueue {
    const open = this.#queues.get(name);
    if (open !== undefined) return open;
    throw this.#disabled.has(name) ? new QueueDisabledError(name) : new QueueUnknownError(name, this.names());
  }
}
