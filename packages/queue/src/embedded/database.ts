import { runMigrations } from 'bullmq';
import { installAdding } from './adding.ts';
import { flowFunctionSql } from './flow-store.ts';
import { functionsSql } from './functions.ts';
import { keepingSql } from './keeping.ts';
import type { PgPool } from './pg-pool.ts';
import { rateLimitSql, rateLimitTable } from './rate-limit.ts';
import { recoverJobs, type CrashLimit } from './recovery.ts';
import { scheduleRecordsTable } from './schedule-records.ts';

/**
 * What every session of the database begins with. A plan is made when a function first runs, which is when its tables
 * are empty and reading all of them is the cheapest; it then stays, because nobody gathers statistics here. So no plan may
 * read a whole table where there is an index.
 */
export const sessionSql = 'SET search_path TO bullmq; SET enable_seqscan TO off';

/** BullMQ looks for the jobs that it marked in each queue and every half minute, and has no index of them. */
const stalledIndex = 'CREATE INDEX IF NOT EXISTS holdfast_stalled_idx ON job (queue) WHERE stalled_marked';

/** Brings the tables up to date and gives back what a dead process left behind. */
export async function prepareDatabase(pool: PgPool, definitions: readonly CrashLimit[] | undefined): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client as unknown as Parameters<typeof runMigrations>[0], 'bullmq');
  } finally {
    client.release();
  }
  await pool.query(sessionSql);
  for (const sql of [
    functionsSql,
    keepingSql,
    flowFunctionSql,
    scheduleRecordsTable,
    stalledIndex,
    rateLimitTable,
    rateLimitSql,
  ]) {
    await pool.query(sql);
  }
  await installAdding(pool);
  await recoverJobs(pool, definitions);
}
