import type { PgPool } from './pg-pool.ts';
import type { QueueBeatReply } from '../port/beat.ts';
import type { CancelOutcome, ClaimOutcome, HeldJob, WorkerRegistry } from '../port/worker-registry.ts';
import type { QueueHandle } from '../port/backend.ts';
import type { RateLimit } from '../job/define-queue.ts';
import { countStartSql } from './rate-limit.ts';

/**
 * The registry of one queue on PGlite. The folder is this process' alone: there are no other workers to rescue, and what
 * a dead process left was given back when the folder was opened.
 */
export class EmbeddedWorkerRegistry implements WorkerRegistry {
  readonly #handle: QueueHandle;
  readonly #pool: PgPool;
  readonly #cancelListeners = new Set<(job: HeldJob) => void>();

  constructor(handle: QueueHandle, pool: PgPool) {
    this.#handle = handle;
    this.#pool = pool;
  }

  /** What became of the jobs that are held: see `EmbeddedBeats`. */
  async ask(held: readonly HeldJob[]): Promise<Pick<QueueBeatReply, 'lost' | 'cancelled'>> {
    if (held.length === 0) return { lost: [], cancelled: [] };
    const rows = await this.#query(
      'SELECT id, lock_token, deferred_failure FROM job WHERE queue = $1 AND id = ANY($2)',
      [held.map(({ id }) => id)],
    );
    const stored = new Map(rows.map((row) => [row['id'], row]));
    const isHeld = ({ id, token }: HeldJob): boolean => stored.get(id)?.['lock_token'] === token;
    return {
      lost: held.filter((job) => !isHeld(job)),
      cancelled: held.filter(isHeld).flatMap((job) => {
        const failure = stored.get(job.id)?.['deferred_failure'];
        return typeof failure === 'string' ? [{ ...job, failure }] : [];
      }),
    };
  }

  /** Nobody else could have it: the folder is this process' alone. */
  async claim(id: string, token: string): Promise<ClaimOutcome> {
    const [row] = await this.#query('SELECT lock_token FROM job WHERE queue = $1 AND id = $2', [id]);
    return row?.['lock_token'] === token ? 'own' : 'superseded';
  }

  async giveBack(id: string, token: string): Promise<boolean> {
    return this.#handle.change((queue) =>
      queue
        .getBackend()
        .moveJobFromActiveToWait(id, token)
        .then(
          () => true,
          () => false,
        ),
    );
  }

  async crashesOf(id: string): Promise<number> {
    const [row] = await this.#query('SELECT stalled_count FROM job WHERE queue = $1 AND id = $2', [id]);
    return Number(row?.['stalled_count'] ?? 0);
  }

  async beginAlone(id: string, token: string): Promise<void> {
    await this.#change('UPDATE job SET processed_by = $3 WHERE queue = $1 AND id = $2 AND lock_token = $3', [
      id,
      token,
    ]);
  }

  async countStart({ max, durationMs }: RateLimit, since: number): Promise<number> {
    const [row] = await this.#query(countStartSql, [max, durationMs, since]);
    return Number(row?.['wait'] ?? 0);
  }

  async cancel(id: string, failure: string): Promise<CancelOutcome> {
    const [row] = await this.#change('SELECT outcome, lock_token FROM holdfast_cancel($1, $2, $3, $4::bigint)', [
      id,
      failure,
      Date.now(),
    ]);
    const outcome = row?.['outcome'] as CancelOutcome;
    if (outcome === 'active') {
      const job = { id, token: String(row?.['lock_token']) };
      for (const listener of this.#cancelListeners) listener(job);
    }
    return outcome;
  }

  /** Calls back when a job that runs was cancelled: by this process, as no other has the folder. Returns what ends that. */
  onCancel(listener: (job: HeldJob) => void): () => void {
    this.#cancelListeners.add(listener);
    return () => this.#cancelListeners.delete(listener);
  }

  async #change(sql: string, values: readonly unknown[]): Promise<Record<string, unknown>[]> {
    const { rows } = await this.#handle.change(() => this.#pool.query(sql, [this.#handle.name, ...values]));
    return rows;
  }

  async #query(sql: string, values: readonly unknown[]): Promise<Record<string, unknown>[]> {
    const { rows } = await this.#handle.call(() => this.#pool.query(sql, [this.#handle.name, ...values]));
    return rows;
  }
}
