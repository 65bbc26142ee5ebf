import { proveWorkOver, type HoldfastError, type ProvableClient } from '@holdfast/redis-core';
import type { Queue } from 'bullmq';
import type { JobStore } from '../port/job-store.ts';
import { RedisJobStore } from './job-store.ts';
import type { JobChanges } from '../port/job-changes.ts';
import { RedisJobChanges } from './job-changes.ts';
import type { RedisQueueAccess } from './queue-access.ts';
import { withDeadline } from '../port/deadline.ts';
import { QueueOutcomeUnknownError, QueueUnavailableError } from '../job/errors.ts';
import { RedisFlowStore } from './flow-store.ts';
import type { FlowStore } from '../port/flow-store.ts';
import type { ScheduleRecords } from '../port/schedule-records.ts';
import { RedisScheduleRecords } from './schedule-records.ts';
import type { QueueReading } from '../job/summary.ts';
import type { BackendStatus, QueueHandle } from '../port/backend.ts';
import type { AddedJob, NewJob, Once } from '../job/new-job.ts';
import { onceKeyPrefix } from './queue-keys.ts';
import { GuardedAdd } from './add.ts';
import { isServerError, translateServerError } from './errors.ts';
import { readQueue } from './reading.ts';
import { RedisScript } from './script.ts';
import { DeadlineClock } from './deadline-clock.ts';
import type { QueueRefusals } from './refusals.ts';
import type { ConnectionWatch, RedisClient } from './connection-watch.ts';

const clock = new RedisScript('clock', [], ['server-time']);
const epoch = new RedisScript('epoch', [], ['server-time']);
const maxMarginMs = 50;
const pauseScript = new RedisScript('pause', 'pause');

/** One queue on Redis, on the connection that all queues share, which is not closed with it. */
export class RedisQueueHandle implements QueueHandle {
  readonly kind = 'redis';
  readonly name: string;
  readonly queue: Queue<unknown, unknown>;
  readonly changes: JobChanges;
  readonly flows: FlowStore;
  readonly jobs: JobStore;
  readonly scheduleRecords: ScheduleRecords;
  readonly #commandTimeoutMs: number;
  /** What the keys begin with that tell of the workers of this queue. */
  readonly #home: string;
  readonly #clock = new DeadlineClock();
  readonly #guardedAdd: GuardedAdd;
  readonly #watch: ConnectionWatch;
  readonly #refusals: QueueRefusals;
  #closed = false;

  constructor(
    name: string,
    queue: Queue<unknown, unknown>,
    commandTimeoutMs: number,
    watch: ConnectionWatch,
    refusals: QueueRefusals,
    home: string,
  ) {
    this.#home = home;
    this.name = name;
    this.queue = queue;
    this.#commandTimeoutMs = commandTimeoutMs;
    const access: RedisQueueAccess = {
      prefix: queue.getBackend().toKey(''),
      run: (operation) => this.#guarded('reads', operation),
      change: (operation) => this.#guarded('writes', operation),
      runInTime: (script, args) => this.runInTime(script, args),
    };
    this.changes = new RedisJobChanges(access);
    this.flows = new RedisFlowStore(access, commandTimeoutMs);
    this.jobs = new RedisJobStore(access);
    this.scheduleRecords = new RedisScheduleRecords(access);
    this.#guardedAdd = new GuardedAdd(this.#clock);
    this.#watch = watch;
    this.#refusals = refusals;
  }

  get status(): BackendStatus {
    const { status } = this.#watch;
    const { refusals } = this.#refusals;
    return refusals === undefined || !status.available ? status : { ...status, refuses: refusals };
  }

  async add(job: NewJob): Promise<AddedJob> {
    const [added] = await this.addMany([job]);
    if (added === undefined || added instanceof Error) throw added ?? this.#unavailable(undefined);
    return added;
  }

  async addMany(jobs: readonly NewJob[], marker?: Once): Promise<(AddedJob | Error)[]> {
    const forAll = (errorOf: (job: NewJob) => Error): Error[] => jobs.map((job) => errorOf(job));
    try {
      const client = await this.#ready();
      const deadline = Date.now() + this.#commandTimeoutMs;
      const replies = await withDeadline(
        this.#guardedAdd.run(client, this.queue.getBackend(), jobs, deadline, marker),
        this.#commandTimeoutMs,
        () => new Error(`Redis did not answer within ${this.#commandTimeoutMs} ms.`),
      );
      return replies.map((reply) =>
        reply.outcome === 'error'
          ? this.#refused('writes', new Error(reply.message))
          : { id: reply.id, state: reply.state, existed: reply.outcome === 'existed' },
      );
    } catch (error) {
      if (error instanceof QueueUnavailableError) return forAll(() => error);
      if (isServerError(error)) {
        const refusal = this.#refused('writes', error);
        return forAll(() => refusal);
      }
      return forAll(
        ({ id }) =>
          new QueueOutcomeUnknownError(
            `The connection was lost before Redis had answered: the job ${id} may or may not be in the queue "${this.name}". Adding it again with this jobId is safe.`,
            { cause: error, jobId: id },
          ),
      );
    }
  }

  async forget(tokens: readonly string[]): Promise<void> {
    if (tokens.length === 0) return;
    const prefix = onceKeyPrefix((part) => this.queue.getBackend().toKey(part));
    const keys = tokens.map((token) => prefix + token);
    // BullMQ's type of a client knows the commands that BullMQ needs.
    await this.#guarded('writes', async (client) => (client as unknown as RedisClientOfOurs).unlink(...keys));
  }

  /** The epoch of the keys that begin with `home`: see `EpochWatch`. */
  async epoch(home: string, newName: string, hadOne: boolean): Promise<string> {
    return String(await this.#guarded('writes', (client) => epoch.run(client, home, [newName, hadOne ? 1 : 0])));
  }

  async now(): Promise<number> {
    return Number(await this.#guarded('reads', (client) => clock.run(client, this.queue.getBackend().toKey(''), [])));
  }

  async read(): Promise<QueueReading> {
    return this.#guarded('reads', (client) => readQueue(client, this.queue, this.#home));
  }

  async call<T>(operation: (queue: Queue<unknown, unknown>) => Promise<T>): Promise<T> {
    return this.#guarded('reads', () => operation(this.queue));
  }

  async change<T>(operation: (queue: Queue<unknown, unknown>) => Promise<T>): Promise<T> {
    return this.#guarded('writes', () => operation(this.queue));
  }

  async setPaused(isPaused: boolean): Promise<void> {
    const state = isPaused ? 'paused' : 'resumed';
    // Each resumption puts back some thousands of what an old BullMQ has put aside.
    let left = Number(await this.runInTime(pauseScript, [state, 1]));
    while (left > 0) left = Number(await this.runInTime(pauseScript, [state, 0]));
  }

  /** Runs a script that changes something. Where no answer came in time, it is not carried out later. */
  async runInTime(script: RedisScript, args: readonly (string | number)[]): Promise<unknown> {
    // Shortly before the caller gives up: it is told by a timer, which a busy machine may fire early or late.
    const deadline = Date.now() + this.#commandTimeoutMs - Math.min(maxMarginMs, this.#commandTimeoutMs / 10);
    const prefix = this.queue.getBackend().toKey('');
    return this.#guarded('writes', (client) => script.runBefore(deadline, this.#clock, client, prefix, args));
  }

  /** @throws what a call would be refused with now, or QueueUnavailableError when it was not answered in time */
  async prove(deadlineMs: number): Promise<void> {
    const client = await this.#ready();
    try {
      await withDeadline(
        proveWorkOver(client as unknown as ProvableClient, this.queue.getBackend().toKey('hf:probe')),
        deadlineMs,
        () => new Error(`Redis did not answer within ${deadlineMs} ms.`),
      );
      this.#refusals.proven();
    } catch (error) {
      if (isServerError(error)) throw this.#refused('writes', error, true);
      throw this.#unavailable(error);
    }
  }

  /** What a proof of another queue of the same server has shown: `failure` is what that one threw. */
  proven(failure?: unknown): void {
    if (failure === undefined) this.#refusals.proven();
    const { cause } = (failure ?? {}) as { readonly cause?: unknown };
    if (isServerError(cause)) this.#refusals.note('writes', cause.message, true);
  }

  /** A worker of this queue got this error over another connection to the same Redis. */
  noteRefusal({ message }: Error, isProof = false): void {
    this.#refusals.note('writes', message, isProof);
  }

  /** A heartbeat, which reads and writes, was answered, or got this error. */
  noteBeat(failure?: Error): void {
    if (failure === undefined) this.#refusals.proven();
    else this.noteRefusal(failure, true);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#refusals.stop();
    await this.queue.close().catch(() => undefined);
  }

  async #guarded<T>(work: 'reads' | 'writes', operation: (client: RedisClient) => Promise<T>): Promise<T> {
    const client = await this.#ready();
    try {
      return await withDeadline(
        operation(client),
        this.#commandTimeoutMs,
        () => new Error(`Redis did not answer within ${this.#commandTimeoutMs} ms.`),
      );
    } catch (error) {
      if (error instanceof QueueUnavailableError || error instanceof QueueOutcomeUnknownError) throw error;
      if (isServerError(error)) throw this.#refused(work, error);
      if (client.status === 'ready' && !isConnectionError(error)) throw error;
      // Where the connection ended meanwhile, why it did says more than what that did to the command.
      throw work === 'writes' && !wasNotSent(error)
        ? this.#unknown(error, this.status.reason)
        : this.#unavailable(error, this.status.reason);
    }
  }

  /** A connection that is ready now; while the very first one is being made, that one is waited for. */
  async #ready(): Promise<RedisClient> {
    if (this.#watch.ready === undefined && !this.#closed) {
      const timer = setTimeout(() => this.#watch.settle(), this.#commandTimeoutMs);
      await this.#watch.settled;
      clearTimeout(timer);
    }
    const client = this.#watch.ready;
    if (client === undefined || this.#closed) throw this.#unavailable(this.#watch.lastError, this.status.reason);
    return client;
  }

  #refused(work: 'reads' | 'writes', error: Error, isProof = false): HoldfastError {
    this.#refusals.note(work, error.message, isProof);
    return translateServerError(error, this.name);
  }

  #unavailable(cause: unknown, why?: string): QueueUnavailableError {
    const what = this.#closed ? 'is closed' : `cannot reach its Redis${reasonOf(cause, why)}`;
    return new QueueUnavailableError(`The queue "${this.name}" ${what}.`, { cause });
  }

  #unknown(cause: unknown, why?: string): QueueOutcomeUnknownError {
    return new QueueOutcomeUnknownError(
      `The Redis of the queue "${this.name}" did not answer${reasonOf(cause, why)}: what was asked may or may not have been done.`,
      { cause },
    );
  }
}

interface RedisClientOfOurs {
  unlink(...keys: string[]): Promise<number>;
}

function reasonOf(cause: unknown, why: string | undefined): string {
  const text = why ?? (cause instanceof Error ? cause.message : '');
  return text === '' ? '' : ` (${text})`;
}

/** The client had no connection to write the command to, and keeps none for later. */
function wasNotSent(error: unknown): boolean {
  return error instanceof Error && error.message.includes("isn't writeable");
}

function isConnectionError(error: unknown): boolean {
  return (
    error instanceof Error &&
    /did not answer|closed|isn't writeable|max retries|ECONN|EPIPE|ETIMEDOUT|Socket timeout/i.test(error.message)
  );
}
