import { setTimeout as delay } from 'node:timers/promises';
import type { QueueHandle } from '../port/backend.ts';
import type { NewJob } from '../job/new-job.ts';
import { publishEvent, type OutboxEvent } from '../job/channels.ts';
import { queueErrors } from '../job/errors.ts';
import type { AddJob } from '../producing/add-job.ts';
import { BatchOutcome, reasonOf, toError } from './batch-outcome.ts';
import type { OutboxEntry } from './entry.ts';
import { isOutboxError } from './outbox-errors.ts';
import type { OutboxFile } from './outbox-file.ts';
import { later } from '../producing/add-many.ts';
import { sendInTurns } from './send-in-turns.ts';
import { markerTtlMs, replayWindowMs } from './replay-window.ts';

/** Where the jobs of a queue go. */
export interface LaneTarget {
  /** Checks a job against the queue as it is now. @throws what is wrong with it */
  readonly prepare: (job: AddJob) => NewJob;
  readonly handle: Pick<QueueHandle, 'addMany' | 'call'>;
  /** Is told which markers are not needed any more. */
  readonly forget: (tokens: readonly string[]) => void;
}

export interface LaneOptions {
  readonly queue: string;
  readonly file: OutboxFile;
  /** `undefined`: nobody declares this queue any more. */
  readonly target: LaneTarget | undefined;
  /** Is told which entries do not wait any more. */
  readonly onLeft: (ids: readonly string[]) => void;
}

/** Entries that share the two commits that a batch takes; more are in memory at once, and to be sent again after a crash. */
const maxBatch = 250;
const maxBatchBytes = 2 * 1024 * 1024;
const firstPauseMs = 50;
const maxPauseMs = 1000;

interface Sendable {
  readonly entry: OutboxEntry;
  readonly job: NewJob;
}

/**
 * Forwards what waits for one queue, in the order in which it was accepted, a batch at a time.
 *
 * Each step may be the last one of this process. Before a batch is sent, it is noted on disk that its entries may be in
 * the store from now on; what is found so at a start is sent again, and the marker that the store keeps (see `Once`)
 * makes that one job. Only when the store has answered are entries removed, and only then are their markers.
 */
export class Lane {
  readonly queue: string;
  readonly #options: LaneOptions;
  /** Jobs of which nobody knows whether they are on disk: those that it was last asked to keep before it fell silent. */
  readonly #unknownIds = new Set<string>();
  #active = false;
  #closed = false;
  #pause = new AbortController();
  #lastError: Error | undefined;

  constructor(options: LaneOptions) {
    this.queue = options.queue;
    this.#options = options;
  }

  /** Entries on disk that wait. */
  get waiting(): number {
    return this.#options.file.totalsOf(this.queue).waiting;
  }

  /** Why the store could not take the last batch, as long as it has taken none since. */
  get lastError(): Error | undefined {
    return this.waiting > 0 ? this.#lastError : undefined;
  }

  /** Whether a job of this id may wait here. Asking the disk tells. */
  mayHold(id: string): boolean {
    return this.waiting > 0 || this.#unknownIds.has(id);
  }

  /** Whether it forwards, or waits to try again. */
  get active(): boolean {
    return this.#active;
  }

  /** An entry more is on disk. @param reason why the store has not taken it */
  accepted(reason: Error | undefined): void {
    if (reason !== undefined) this.#lastError = reason;
    this.#start();
  }

  /** The disk did not say whether it keeps a job. */
  lost(id: string): void {
    this.#unknownIds.add(id);
  }

  /** What is on disk is known again. */
  reopened(): void {
    this.#unknownIds.clear();
    this.kick();
  }

  /** Tries now, and does not wait for the next time. */
  kick(): void {
    this.#pause.abort();
    this.#start();
  }

  close(): void {
    this.#closed = true;
    this.#pause.abort();
  }

  #start(): void {
    if (this.#active || this.#closed || this.waiting === 0) return;
    this.#active = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#closed && this.waiting > 0) {
      // After a failure a single one goes first: it finds out whether the others may follow.
      const error = await this.#forwardBatch(failures > 0 ? 1 : maxBatch).catch((thrown: unknown) => toError(thrown));
      // A disk that fails says nothing about the store, which takes what comes anew.
      this.#lastError = isOutboxError(error) ? undefined : error;
      failures = error === undefined ? 0 : failures + 1;
      if (error !== undefined) await this.#rest(failures);
    }
    this.#active = false;
  }

  async #rest(failures: number): Promise<void> {
    if (this.#closed) return;
    this.#pause = new AbortController();
    const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** Math.min(failures - 1, 10)) * (0.5 + Math.random() / 2);
    await delay(pauseMs, undefined, { signal: this.#pause.signal, ref: false }).catch(() => undefined);
  }

  /** @returns why there has to be a pause before the next batch; `undefined`: none is needed */
  async #forwardBatch(limit: number): Promise<Error | undefined> {
    const { file, queue, target } = this.#options;
    // A store that is known to be away is not worth the two commits that a batch takes: callers wait for each commit.
    await target?.handle.call(async () => undefined);
    const batch = await file.next(queue, limit, maxBatchBytes);
    if (batch.length === 0) return undefined;
    const outcome = new BatchOutcome();
    const prepared = await this.#prepare(batch, outcome);
    const unsent = prepared.filter(({ entry }) => entry.sentAt === undefined).map(({ entry }) => entry.seq);
    const marked = unsent.length === 0 ? new Set<number>() : await file.markSent(unsent, Date.now());
    // Without those that were withdrawn meanwhile.
    const sendable = prepared.filter(({ entry }) => entry.sentAt !== undefined || marked.has(entry.seq));
    const first = sendable.filter(({ entry }) => marked.has(entry.seq));
    const replies =
      target === undefined
        ? []
        : await sendInTurns(
            target.handle,
            sendable.map(({ job }) => job),
          );
    for (const [index, { entry }] of sendable.entries()) outcome.note(entry, replies[index]);
    await this.#settle(outcome);
    // Sent once and answered: nothing that is under way could add one of them again.
    const done = first.filter(({ entry }) => outcome.forwarded.includes(entry)).map(({ entry }) => entry.token);
    target?.forget(done);
    return outcome.error;
  }

  async #prepare(batch: readonly OutboxEntry[], outcome: BatchOutcome): Promise<Sendable[]> {
    const { target, queue } = this.#options;
    const sendable: Sendable[] = [];
    for (const entry of batch) {
      if (target === undefined) {
        const { code } = queueErrors.unknownQueue;
        outcome.setAside(entry, { code, message: `No queue "${queue}" is declared.` });
      } else if (entry.sentAt !== undefined && Date.now() - entry.sentAt > replayWindowMs) {
        await decide(entry, target, outcome);
      } else {
        try {
          sendable.push({ entry, job: toNewJob(entry, target.prepare(entry.job)) });
        } catch (error) {
          outcome.setAside(entry, reasonOf(error));
        }
      }
    }
    return sendable;
  }

  async #settle(outcome: BatchOutcome): Promise<void> {
    const { file, queue, onLeft } = this.#options;
    const seqs = (entries: readonly OutboxEntry[]): number[] => entries.map(({ seq }) => seq);
    const { forwarded, known, notSent, refused, aside } = outcome;
    await file.settle(queue, {
      forwarded: seqs([...forwarded, ...known]),
      notSent: seqs(notSent),
      refused: seqs(refused),
      setAside: aside.map(({ entry, reason }) => ({ seq: entry.seq, reason })),
    });
    this.#publish('forwarded', forwarded.length);
    for (const _ of forwarded) publishEvent('holdfast:queue:job', () => ({ queue: this.queue, event: 'added' }));
    this.#publish('known', known.length);
    for (const { reason } of aside) this.#publish('set-aside', 1, reason.code);
    onLeft([...forwarded, ...known, ...aside.map(({ entry }) => entry)].map(({ id }) => id));
  }

  #publish(event: OutboxEvent['event'], count: number, code?: string): void {
    if (count === 0) return;
    publishEvent('holdfast:queue:outbox', () => ({
      queue: this.queue,
      event,
      count,
      ...(code !== undefined && { code }),
    }));
  }
}

/**
 * An entry that may have been in the store so long ago that its marker may be gone. If its job is there, it was added.
 * If not, it was never added, or it has run and was removed: nobody can tell, so a person decides.
 */
async function decide(entry: OutboxEntry, target: LaneTarget, outcome: BatchOutcome): Promise<void> {
  const state = await target.handle.call((queue) => queue.getJobState(entry.id));
  if (state !== 'unknown') {
    outcome.known.push(entry);
    return;
  }
  outcome.setAside(entry, {
    code: queueErrors.outboxUndecided.code,
    message: `It was sent at ${new Date(entry.sentAt ?? 0).toISOString()} without an answer, which is too long ago to tell whether it has run.`,
  });
}

function toNewJob(entry: OutboxEntry, prepared: NewJob): NewJob {
  return {
    // Its delay and its age count from when it was accepted.
    ...later(prepared, entry.laterMs, entry.acceptedAt),
    id: entry.id,
    once: { token: entry.token, ttlMs: markerTtlMs, ...(entry.place !== undefined && { place: entry.place }) },
  };
}
