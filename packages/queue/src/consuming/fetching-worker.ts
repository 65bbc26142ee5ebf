import {
  WaitingError,
  Worker,
  type BackendFactory,
  type Job,
  type JobJson,
  type Processor,
  type WorkerOptions,
} from 'bullmq';
import type { FetchControl, JobWorker, WorkerConnectionControl, WorkerInside } from '../port/job-worker.ts';
import type { HeldJob } from '../port/worker-registry.ts';
import { PendingResults } from './pending-results.ts';

const firstRefusalMs = 100;
const maxRefusalMs = 5000;
/** A limit may be changed meanwhile. */
const maxLimitedMs = 30_000;
/** Handlers that keep the event loop for no longer than this make no difference to each other. Milliseconds. */
const quickMs = 0.25;

/**
 * BullMQ's worker, whose fetches can be seen and held back. It takes a permit before it fetches a job, and waits before
 * it asks a Redis again that refused (one whose memory is full keeps BullMQ's own loop spinning).
 */
export class FetchingWorker extends Worker<unknown, unknown> implements JobWorker {
  readonly #control: FetchControl;
  readonly #inside: WorkerInside & WorkerConnectionControl;
  readonly #results: PendingResults;
  /** By lock token: fetched, running, or being handed in. */
  readonly #held = new Map<string, string>();
  /** By job, while its next run is made: when it was fetched, by the clock of the store. */
  readonly #fetchTimes = new Map<string, number>();
  /** When the fetch of a lock token was begun, by the clock of `performance`. */
  readonly #fetchedAt = new Map<string, number>();
  readonly #settled = new Set<() => void>();
  /** Whoever waits to fetch. */
  readonly #atEnd = new Set<() => void>();
  #lastFetchAt: number | null = null;
  #running = 0;
  #waits = false;
  #refusals = 0;
  /** What the store said at the last fetch: so long no job may start. Milliseconds. */
  #limitedMs = 0;
  /** Jobs whose results it was to hand in no more. */
  #left: readonly HeldJob[] = [];
  /** How long handlers have kept the event loop lately, at their worst. Milliseconds. */
  #keptMs = 0;

  constructor(
    name: string,
    processor: Processor<unknown, unknown>,
    options: WorkerOptions,
    control: FetchControl,
    inside: WorkerInside & WorkerConnectionControl,
    createBackend?: BackendFactory,
  ) {
    // It would fetch before it has what it needs for that.
    super(name, processor, { ...options, autorun: false }, createBackend as never);
    this.#control = control;
    this.#inside = inside;
    this.#results = new PendingResults({
      isClosing: () => this.closing !== undefined,
      onRefused: (job, error) => this.#onRefused(job, error),
      onLockMissing: control.onLockMissing,
    });
    // BullMQ's own is any UUID, as in every plain worker.
    inside.setId(this, control.workerId);
    const backend = this.getBackend();
    const rescueStalled = backend.moveStalledJobsToWait.bind(backend);
    backend.moveStalledJobsToWait = async () => (control.mayRescueStalled() ? rescueStalled() : []);
    this.#waitForLimits();
    this.once('closing', () => {
      for (const settle of this.#settled) settle();
      for (const end of this.#atEnd) end();
      // BullMQ comes to that last, which without a connection is after this wait itself.
      inside.endStalledWait(this);
      control.permits.withdraw(this);
    });
  }

  /** When the last fetch was begun. Milliseconds since the epoch. */
  get lastFetchAt(): number | null {
    return this.#lastFetchAt;
  }

  /** Whether a fetch is due now or soon: it has room for another job, and waits for nobody but the store. */
  get canFetch(): boolean {
    return !this.#waits && this.#held.size < this.concurrency;
  }

  /** When this worker fetched the job whose next run is made, by the clock of the store; milliseconds since the epoch. */
  fetchTimeOf(id: string): number {
    return this.#fetchTimes.get(id) ?? Date.now();
  }

  /** The jobs that it has not done with: fetched, running, or being handed in. */
  held(): HeldJob[] {
    return [...Array.from(this.#held, ([token, id]) => ({ id, token })), ...this.#left];
  }

  msSinceFetch(token: string): number {
    return performance.now() - (this.#fetchedAt.get(token) ?? 0);
  }

  /** How many jobs it has not done with. */
  get heldCount(): number {
    return this.#held.size + this.#left.length;
  }

  /** The job is another worker's by now: its result is not handed in any more. */
  lost(job: HeldJob): void {
    this.#results.lost(job);
  }

  /** Hands in again, now, what was not taken. */
  handInAgain(): void {
    this.#results.hurry();
  }

  /** Hands in nothing any more: this worker ends, and the time for that is over. */
  letGo(): void {
    this.#left = this.#results.list();
    this.#results.letGo();
  }

  /** BullMQ compares when a lock was last extended with the clock of this process, and begins with when the store says it was taken. */
  protected override createLockManager(): void {
    super.createLockManager();
    const { lockManager } = this;
    const track = lockManager.trackJob.bind(lockManager);
    lockManager.trackJob = (id, token, _takenAt, withController) => track(id, token, Date.now(), withController);
  }

  protected override async moveToActive(token: string, name?: string): Promise<Job<unknown, unknown>> {
    const nothing = undefined as unknown as Job<unknown, unknown>;
    const { permits } = this.#control;
    this.#lastFetchAt = Date.now();
    await this.#unlessEnding(this.#control.beforeFetch());
    if (this.closing !== undefined) return nothing;
    // A job that ended under this token goes on with its permit.
    const inherits = permits.holds(token);
    if (!inherits && !(await this.#takePermit(token))) return nothing;
    try {
      this.#limitedMs = 0;
      this.#fetchedAt.set(token, performance.now());
      const job = (await super.moveToActive(token, name)) as Job<unknown, unknown> | undefined;
      this.#refusals = 0;
      if (job !== undefined) return job;
      this.#fetchedAt.delete(token);
      if (!inherits) permits.release(token);
      if (this.#limitedMs > 0) await this.#limitOver(this.#limitedMs);
      return nothing;
    } catch (error) {
      this.#fetchedAt.delete(token);
      if (!inherits) permits.release(token);
      if (error instanceof Error && error.name === 'ReplyError') await this.#holdOff();
      throw error;
    }
  }

  protected override async nextJobFromJobData(
    data?: JobJson,
    id?: string,
    token?: string,
  ): Promise<Job<unknown, unknown>> {
    // BullMQ makes the next job of a schedule in there.
    if (id !== undefined && data?.processedOn !== undefined) this.#fetchTimes.set(id, data.processedOn);
    const job = (await super.nextJobFromJobData(data, id, token)) as Job<unknown, unknown> | undefined;
    if (id !== undefined) this.#fetchTimes.delete(id);
    if (job?.id === undefined || token === undefined) return job as Job<unknown, unknown>;
    if (this.getBackend().closing === undefined) {
      this.#held.set(token, job.id);
      return job;
    }
    // This worker was closed while its store was away, and nobody hands in what it runs any more. But its connection goes on for
    // others, and with it what was sent before: a fetch, or the end of a job, which asks for the next one.
    await job.moveToWait(token);
    return undefined as unknown as Job<unknown, unknown>;
  }

  override async processJob(
    job: Job<unknown, unknown>,
    token: string,
    fetchNext: () => boolean = () => true,
  ): Promise<void | Job<unknown, unknown>> {
    const { permits, rateLimit } = this.#control;
    this.#running += 1;
    let next: void | Job<unknown, unknown> = undefined;
    try {
      // What other jobs came to is collected, to be sent together; but where handlers compute, it does not wait for the next one.
      if (this.#keptMs > quickMs) this.#inside.flush();
      const calledAt = performance.now();
      const processing = super.processJob(
        job,
        token,
        // What ends a job cannot ask for the limit in the same step.
        () => rateLimit === undefined && fetchNext() && !permits.isContended(this),
      );
      this.#keptMs = Math.max(performance.now() - calledAt, this.#keptMs / 2);
      next = await processing;
      return next;
    } finally {
      this.#running -= 1;
      if (!next) {
        this.#held.delete(token);
        this.#fetchedAt.delete(token);
        permits.release(token);
      }
      for (const settle of this.#settled) settle();
    }
  }

  protected override async handleCompleted(
    result: unknown,
    job: Job<unknown, unknown>,
    token: string,
    fetchNext?: () => boolean,
    span?: Parameters<Worker['handleCompleted']>[4],
  ): Promise<Job<unknown, unknown>> {
    try {
      return await super.handleCompleted(result, job, token, fetchNext, span);
    } catch (error) {
      const attempt = async (): Promise<Job<unknown, unknown>> =>
        super.handleCompleted(result, job, token, fetchNext, span);
      const held = { id: job.id ?? '', token };
      const next = await this.#results.handInAgain(held, attempt, error, {
        isHopeless: () => !canBeText(result),
        claim: async () => this.#control.claim(held),
      });
      return next as Job<unknown, unknown>;
    }
  }

  protected override async handleFailed(
    error: Error,
    job: Job<unknown, unknown>,
    token: string,
    fetchNext?: () => boolean,
    span?: Parameters<Worker['handleFailed']>[4],
  ): Promise<Job<unknown, unknown>> {
    // Such a job was given back already, or is another worker's: there is nothing to hand in.
    if (error instanceof WaitingError) return super.handleFailed(error, job, token, fetchNext, span);
    // Each attempt adds the stack of this failure.
    const stacks = [...(job.stacktrace ?? [])];
    const attempt = async (): Promise<Job<unknown, unknown>> => {
      job.stacktrace = [...stacks];
      return super.handleFailed(error, job, token, fetchNext, span);
    };
    return (await this.#results.handIn({ id: job.id ?? '', token }, attempt)) as Job<unknown, unknown>;
  }

  /** Puts a job that has not ended back to waiting. Over the connection that hands in results, which waits for the store. */
  async handBack(job: Job, token: string, delayMs = 0): Promise<void> {
    await this.#results.handIn({ id: job.id ?? '', token }, async () => {
      if (delayMs > 0) await job.moveToDelayed(Date.now() + delayMs, token);
      else await job.moveToWait(token);
    });
  }

  /** BullMQ has let go of the lock before it handed the result in, and is to keep it until that is done. */
  #onRefused(job: HeldJob, error: Error): void {
    this.#inside.keepLock(this, job);
    this.emit('error', error);
  }

  async #takePermit(token: string): Promise<boolean> {
    while (!this.#control.permits.take(token, this)) {
      if (this.closing !== undefined || !(await this.#permitFreed())) return false;
    }
    return true;
  }

  /**
   * Waits for a permit, `true`; but not while a job was fetched that does not run yet, `false`: BullMQ starts it only when
   * this fetch is over. The end of a job can bring such a one.
   */
  async #permitFreed(): Promise<boolean> {
    this.#waits = true;
    try {
      if (this.#held.size > this.#running) return false;
      const freed = this.#control.permits.freed(this).then(() => true);
      return await this.#unlessSettled(freed);
    } finally {
      this.#waits = false;
      this.#askAgain();
    }
  }

  /**
   * BullMQ waits for a limit in its own loop, where it takes no other job until one of those that run has ended: where jobs
   * run long, fewer start than may. So it does not hear of a limit, and this worker waits in its fetch.
   */
  #waitForLimits(): void {
    const backend = this.getBackend();
    const fetch = backend.moveToActive.bind(backend);
    backend.moveToActive = async (token, name) => {
      const [data, id, limitedMs = 0, delayUntil] = await fetch(token, name);
      this.#limitedMs = limitedMs;
      return [data, id, 0, delayUntil];
    };
  }

  /** Waits until another job may start; but not while a job was fetched that does not run yet, as in `#permitFreed`. */
  async #limitOver(milliseconds: number): Promise<void> {
    this.#waits = true;
    if (this.#held.size <= this.#running) await this.#pause(Math.min(maxLimitedMs, milliseconds));
    this.#waits = false;
    this.#askAgain();
  }

  async #pause(milliseconds: number): Promise<void> {
    if (this.closing !== undefined) return;
    const over = Promise.withResolvers<boolean>();
    const timer = setTimeout(over.resolve, milliseconds, true);
    await this.#unlessSettled(over.promise);
    clearTimeout(timer);
  }

  async #holdOff(): Promise<void> {
    const milliseconds = Math.min(maxRefusalMs, firstRefusalMs * 2 ** this.#refusals);
    this.#refusals += 1;
    this.#waits = true;
    await this.#pause(milliseconds);
    this.#waits = false;
    this.#askAgain();
  }

  /** Not a race with a promise that lives as long as the worker: that keeps something of each race. */
  async #unlessEnding(work: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.closing !== undefined) return;
    this.#atEnd.add(resolve);
    try {
      await Promise.race([work, promise]);
    } finally {
      this.#atEnd.delete(resolve);
    }
  }

  async #unlessSettled(work: Promise<boolean>): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const settle = (): void => resolve(false);
    this.#settled.add(settle);
    try {
      return await Promise.race([work, promise]);
    } finally {
      this.#settled.delete(settle);
    }
  }

  /** BullMQ would block until something new is announced; what it did not get just now was announced already. */
  #askAgain(): void {
    this.#inside.askAgain(this);
  }
}

/** Whether it is JSON: what a handler returns may be anything. */
function canBeText(result: unknown): boolean {
  try {
    JSON.stringify(result);
    return true;
  } catch {
    return false;
  }
}
