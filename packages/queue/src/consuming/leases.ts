import { publishEvent } from '../job/channels.ts';
import { JobLockLostError, JobSupersededError } from '../job/errors.ts';
import { parseFailure } from '../job/job-view.ts';
import type { HeldJob } from '../port/worker-registry.ts';
import { cancelError, CancelHints } from './cancel.ts';
import { asError } from './failure.ts';
import { givenUpJob } from './given-up.ts';
import { Lease, type LeasedJob, type LeaseTerms } from './lease.ts';

/** The runs of one queue in one worker, each of which can be told to stop. */
export class Leases {
  readonly #terms: LeaseTerms;
  readonly #running = new Map<string, Lease>();
  readonly #hints = new CancelHints((job) => this.#find(job) !== undefined);
  #stopped: Error | undefined;
  readonly #onEnd = ({ job }: Lease): void => void (this.#find(job) && this.#running.delete(job.id));

  constructor(terms: LeaseTerms) {
    this.#terms = terms;
  }

  get size(): number {
    return this.#running.size;
  }

  list(): HeldJob[] {
    return [...this.#running.values()].map(({ job: { id, token } }) => ({ id, token }));
  }

  /** From here on the job counts as running, until its `run` is over. */
  begin(job: LeasedJob): Lease {
    const lease = new Lease(job, this.#terms, this.#onEnd);
    this.#running.set(job.id, lease);
    if (this.#stopped !== undefined) lease.interruption.raise(this.#stopped);
    this.#hints.begun(job);
    return lease;
  }

  /** A job was cancelled that this worker holds or held: asks after it, at once or as soon as it runs. */
  heardOfCancel(job: HeldJob, ask: () => void): void {
    this.#hints.heard(job, ask);
  }

  /** @param failure what it was cancelled with */
  cancel(job: HeldJob, failure: string): void {
    this.interrupt(job, cancelError(failure));
  }

  /** Somebody else has the job. */
  lose(job: HeldJob): void {
    this.interrupt(job, new JobLockLostError());
  }

  /** Another run of the job has ended. */
  supersede(job: HeldJob): void {
    this.interrupt(job, new JobSupersededError());
  }

  /** Tells the job why it is to stop, if it still runs here under this token. */
  interrupt(job: HeldJob, reason: Error): void {
    this.#find(job)?.interruption.raise(reason);
  }

  /** Tells all jobs, and each that begins from now on. */
  stop(reason: Error): void {
    this.#stopped = reason;
    for (const { interruption } of this.#running.values()) interruption.raise(reason);
  }

  /**
   * A job was failed instead of being run: it was cancelled while it waited, or took its workers down too often.
   *
   * @param job how often it was tried is its `attempt`
   * @param failure what it failed with, `CODE: message`
   */
  failedUnrun(job: Omit<LeasedJob, 'token'>, failure: string): void {
    const { queue, onGivenUp, onError } = this.#terms;
    const { code } = parseFailure(failure);
    onGivenUp?.(givenUpJob(queue, job, failure)).catch((error: unknown) => onError(asError(error)));
    const event = code === 'JOB_CANCELLED' ? 'cancelled' : code === 'JOB_CRASHED_WORKER' ? 'crashed' : 'failed';
    publishEvent('holdfast:queue:job', () => ({ queue, event }));
  }

  #find({ id, token }: HeldJob): Lease | undefined {
    const lease = this.#running.get(id);
    return lease?.job.token === token ? lease : undefined;
  }
}
