import type { Queue } from 'bullmq';
import { EmbeddedDeadLetterStore } from '../dead-letters/embedded-store.ts';
import type { DeadLetterStore } from '../dead-letters/store.ts';
import { withDeadline } from '../deadline.ts';
import type { PgPool } from '../embedded/pg-pool.ts';
import { QueueOutcomeUnknownError, QueueUnavailableError } from '../errors.ts';
import type { QueueReading } from '../summary.ts';
import type { NewJob, QueueHandle } from './backend.ts';

export interface EmbeddedHandleOptions {
  readonly name: string;
  readonly queue: Queue<unknown, unknown>;
  readonly pool: PgPool;
  readonly commandTimeoutMs: number;
  readonly workers: () => number;
}

/** One queue on PGlite. */
export class EmbeddedQueueHandle implements QueueHandle {
  readonly name: string;
  readonly queue: Queue<unknown, unknown>;
  readonly deadLetters: DeadLetterStore;
  readonly #options: EmbeddedHandleOptions;
  /** The last add of each id that is under way: the folder is this process' alone, so turns here are enough. */
  readonly #adds = new Map<string, Promise<unknown>>();

  #closed = false;

  constructor(options: EmbeddedHandleOptions) {
    this.name = options.name;
    this.queue = options.queue;
    this.#options = options;
    this.deadLetters = new EmbeddedDeadLetterStore({ name: options.name, run: (operation) => this.#run(operation) });
  }

  async add(job: NewJob): Promise<{ existed: boolean }> {
    this.#refuseWhenClosed();
    const adding = job.idIsGiven ? this.#inTurn(job.id, () => this.#addUnlessThere(job)) : this.#addNew(job);
    return withDeadline(
      adding,
      this.#options.commandTimeoutMs,
      () =>
        new QueueOutcomeUnknownError(
          `The embedded queue did not answer within ${this.#options.commandTimeoutMs} ms: the job ${job.id} may still be added. Adding it again with this jobId is safe.`,
          { jobId: job.id },
        ),
    );
  }

  async read(): Promise<QueueReading> {
    this.#refuseWhenClosed();
    const { rows } = await this.#withDeadline(this.#options.pool.query(readingSql, [this.name, Date.now()]));
    const row = rows[0] ?? {};
    const number = (name: string): number => Number(row[name] ?? 0);
    const paused = row['paused'] === '1';
    return {
      paused,
      counts: {
        waiting: number('waiting'),
        prioritized: number('prioritized'),
        active: number('active'),
        delayed: number('delayed'),
        completed: number('completed'),
        failed: number('failed'),
        waitingChildren: number('waiting_children'),
      },
      oldestWaitingAgeMs: paused ? 0 : Math.max(0, number('oldest_age')),
      workers: this.#options.workers(),
    };
  }

  async call<T>(operation: (queue: Queue<unknown, unknown>) => Promise<T>): Promise<T> {
    this.#refuseWhenClosed();
    return this.#withDeadline(operation(this.queue));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.queue.close();
  }

  async #run<T>(operation: (pool: PgPool) => Promise<T>): Promise<T> {
    this.#refuseWhenClosed();
    return this.#withDeadline(operation(this.#options.pool));
  }

  /** BullMQ never settles a call on a queue that was closed. */
  #refuseWhenClosed(): void {
    if (this.#closed) throw new QueueUnavailableError(`The queue "${this.name}" is closed.`);
  }

  async #addNew(job: NewJob): Promise<{ existed: boolean }> {
    await this.queue.add(job.name, job.data, { ...job.options, jobId: job.id });
    return { existed: false };
  }

  async #addUnlessThere(job: NewJob): Promise<{ existed: boolean }> {
    const { rows } = await this.#options.pool.query('SELECT 1 FROM job WHERE queue = $1 AND id = $2', [
      this.name,
      job.id,
    ]);
    return rows.length > 0 ? { existed: true } : this.#addNew(job);
  }

  async #inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#adds.get(id) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#adds.set(id, turn);
    try {
      return await turn;
    } finally {
      if (this.#adds.get(id) === turn) this.#adds.delete(id);
    }
  }

  async #withDeadline<T>(work: Promise<T>): Promise<T> {
    const { commandTimeoutMs } = this.#options;
    return withDeadline(
      work,
      commandTimeoutMs,
      () => new QueueUnavailableError(`The embedded queue did not answer within ${commandTimeoutMs} ms.`),
    );
  }
}

/**
 * $1 queue, $2 now. A job can run from when it was added plus its delay; one that was tried, from its last start plus
 * its back-off; a delayed one whose time has come waits too, although only a worker moves it.
 */
const readingSql = `
  SELECT
    count(*) FILTER (WHERE state = 'waiting' AND priority = 0) AS waiting,
    count(*) FILTER (WHERE state = 'waiting' AND priority > 0) AS prioritized,
    count(*) FILTER (WHERE state = 'active') AS active,
    count(*) FILTER (WHERE state = 'delayed') AS delayed,
    count(*) FILTER (WHERE state = 'completed') AS completed,
    count(*) FILTER (WHERE state = 'failed') AS failed,
    count(*) FILTER (WHERE state = 'waiting-children') AS waiting_children,
    $2::bigint - min(CASE
      WHEN state = 'waiting' THEN COALESCE(process_at_ms, GREATEST(added_at_ms, processed_at_ms))
      WHEN state = 'delayed' AND process_at_ms <= $2::bigint THEN process_at_ms
    END) AS oldest_age,
    (SELECT value FROM meta WHERE queue = $1 AND field = 'paused') AS paused
  FROM job
  WHERE queue = $1`;
