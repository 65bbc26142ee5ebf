import type { PgPool } from './pg-pool.ts';

/** What the stores of one queue on PGlite work with. */
export interface EmbeddedQueueAccess {
  readonly name: string;
  /** Runs statements on the database within the command timeout. */
  readonly run: <T>(operation: (pool: PgPool) => Promise<T>) => Promise<T>;
  /** Likewise, for what changes something: where no answer came, its outcome is not known. */
  readonly change: <T>(operation: (pool: PgPool) => Promise<T>) => Promise<T>;
}
