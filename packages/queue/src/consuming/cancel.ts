import { publishEvent } from '../job/channels.ts';
import { JobCancelledError, JobStateError, queueErrors } from '../job/errors.ts';
import { canBeJobId } from '../job/job-id.ts';
import { formatFailure, parseFailure } from '../job/job-view.ts';
import { storableText } from '../job/storable.ts';
import type { HeldJob, WorkerRegistry } from '../port/worker-registry.ts';

/** Characters of why a job was cancelled. */
const maxReasonLength = 1000;
/** Jobs that are expected to begin; the oldest is forgotten first, as some were handed in long ago and never will. */
const maxExpected = 100;

/** See `Queues.cancel`. The store marks the job with what it fails with, and tells the worker that runs it. */
export async function cancelJob(
  queue: string,
  registry: WorkerRegistry,
  id: string,
  reason = 'Somebody cancelled it.',
): Promise<'waiting' | 'active' | undefined> {
  if (!canBeJobId(id)) return undefined;
  const failure = formatFailure(queueErrors.cancelled.code, storableText(reason.slice(0, maxReasonLength)));
  const outcome = await registry.cancel(id, failure);
  if (outcome === 'ended') throw new JobStateError(id, 'completed or failed', 'cannot be cancelled any more');
  if (outcome === 'waiting-children') throw new JobStateError(id, outcome, 'waits for its children: cancel those');
  if (outcome === 'schedule') {
    throw new JobStateError(id, 'the next job of a schedule', 'cannot be cancelled: pause or delete that');
  }
  // No worker will tell of it.
  if (outcome === 'waiting') publishEvent('holdfast:queue:job', () => ({ queue, event: 'cancelled', job: id }));
  return outcome === 'missing' ? undefined : outcome;
}

/**
 * The worker's side: what the store tells of a cancelled job is only a hint, after which the worker asks, and it may come before
 * the job that was fetched has begun to run.
 */
export class CancelHints {
  readonly #isRunning: (job: HeldJob) => boolean;
  /** By token: one that is fetched under it and does not run yet. */
  readonly #expected = new Map<string, { readonly id: string; readonly ask: () => void }>();

  constructor(isRunning: (job: HeldJob) => boolean) {
    this.#isRunning = isRunning;
  }

  /** Asks when the job runs: at once, or, of one that was fetched only now, when it begins. */
  heard(job: HeldJob, ask: () => void): void {
    if (this.#isRunning(job)) {
      ask();
      return;
    }
    this.#expected.delete(job.token);
    this.#expected.set(job.token, { id: job.id, ask });
    const [oldest] = this.#expected.keys();
    if (this.#expected.size > maxExpected && oldest !== undefined) this.#expected.delete(oldest);
  }

  begun({ id, token }: HeldJob): void {
    const expected = this.#expected.get(token);
    if (expected?.id !== id) return;
    this.#expected.delete(token);
    expected.ask();
  }
}

/** What ends the run of a job that is marked with this failure. */
export function cancelError(failure: string): JobCancelledError {
  return new JobCancelledError(parseFailure(failure).message);
}
