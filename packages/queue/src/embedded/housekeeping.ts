import type { PgPool } from './pg-pool.ts';

/** How often it looks. */
const intervalMs = 10_000;
/** What PostgreSQL is left to write again after the death of the process: a start replays it in about a second. */
const maxLogBytes = 32 * 1024 * 1024;

interface HousekeepingOptions {
  readonly pool: PgPool;
  readonly onError: (error: Error) => void;
}

/**
 * What PostgreSQL does in processes of its own, of which PGlite has none: it gives the room of rows that are gone to new ones
 * and writes its log into its tables, so that neither grows for as long as the process lives.
 */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#tidyAndSchedule(), intervalMs).unref();
  }

  /** Does what is due; each table by itself, so that queries get their turn in between. */
  async tidy(): Promise<void> {
    const { pool } = this.#options;
    const { rows } = await pool.query(dueSql);
    for (const { name } of rows) {
      if (this.#closed) return;
      await pool.query(`VACUUM ${String(name)}`);
    }
    const [log] = (await pool.query(logSql, [maxLogBytes])).rows;
    if (log?.['due'] === true && !this.#closed) await pool.query('CHECKPOINT');
  }

  /** Does not wait for the statement that it is at: the database ends it, or is closed behind it. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #tidyAndSchedule(): Promise<void> {
    try {
      await this.tidy();
    } catch (error) {
      if (!this.#closed) this.#options.onError(error instanceof Error ? error : new Error(String(error)));
    }
    this.start();
  }
}

/**
 * Tables of which a fifth is dead, or new since the last time: as PostgreSQL's own autovacuum, but for a thousand rows at
 * least, because whoever has a job to run waits for it. No statistics are gathered (see `sessionSql`).
 */
const dueSql = `
  SELECT format('%I.%I', schemaname, relname) AS name
    FROM pg_stat_user_tables
   WHERE GREATEST(n_dead_tup, n_ins_since_vacuum) > 1000 + n_live_tup / 5`;

/** $1 bytes. */
const logSql = `
  SELECT pg_current_wal_insert_lsn() - redo_lsn > $1::bigint AS due FROM pg_control_checkpoint()`;
