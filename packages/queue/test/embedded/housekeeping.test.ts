import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareDatabase, sessionSql } from '../../src/embedded/database.ts';
import { Housekeeping } from '../../src/embedded/housekeeping.ts';
import { PgPool } from '../../src/embedded/pg-pool.ts';
import { PgliteClient } from '../../src/embedded/pglite-client.ts';

/** $1 a number of this call, $2 how many. */
const addJobs = `
  SELECT count(add_job('churn', 'job-' || $1::bigint || '-' || n, 'job', jsonb_build_object('text', repeat('x', 200)), '{}',
                       10, 0, $1::bigint, 3, null, null, null, null, null, false))
    FROM generate_series(1, $2::int) AS n`;
const takeJobs = `
  SELECT count(job)
    FROM generate_series(1, $2::int) AS n, LATERAL move_to_active('churn', 't', 60000, $1::bigint + n, 'test', null, null) AS job`;
/** Of those that have ended a hundred are kept. */
const endJobs = `
  SELECT count(move_to_completed('churn', id, 't', '"done"', $1::bigint, false, null, 100))
    FROM (SELECT id FROM job WHERE queue = 'churn' AND state = 'active' LIMIT $2::int) AS active`;

describe('housekeeping', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-housekeeping-'));
  const folder = join(directory, 'pglite');
  let pglite: PgliteClient;
  let pool: PgPool;
  let housekeeping: Housekeeping;

  beforeAll(async () => {
    pglite = await PgliteClient.open(folder, { session: sessionSql });
    pool = new PgPool(pglite);
    await prepareDatabase(pool, undefined);
    housekeeping = new Housekeeping({
      pool,
      onError: (error) => {
        throw error;
      },
    });
  });
  afterAll(async () => {
    await housekeeping.close();
    await pglite.close(3000);
    rmSync(directory, { recursive: true, force: true });
  });

  /** With their indexes. Bytes. */
  async function sizeOfTables(): Promise<number> {
    const { rows } = await pool.query('SELECT sum(pg_total_relation_size(relid)) AS size FROM pg_stat_user_tables');
    return Number(rows[0]?.['size']);
  }

  const logFiles = (): number =>
    readdirSync(join(folder, 'pg_wal')).filter((name) => /^[0-9A-F]{24}$/.test(name)).length;

  it('keeps tables as large as what is in them, however many jobs have run', async () => {
    let now = 1;
    const churn = async (rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        for (const step of [addJobs, takeJobs, endJobs]) await pool.query(step, [now++, 250]);
        // PostgreSQL counts what is dead once a second, unless it is asked to.
        await pool.query('SELECT pg_stat_force_next_flush()');
        await housekeeping.tidy();
      }
    };
    await churn(4);
    // Events are kept up to a number that this test does not reach.
    await pool.query('TRUNCATE event');
    const first = await sizeOfTables();
    await churn(12);
    await pool.query('TRUNCATE event');
    // Without housekeeping it is four times as much.
    expect(await sizeOfTables()).toBeLessThan(1.7 * first);
  });

  it('writes the log into the tables before it grows', async () => {
    for (let megabytes = 0; megabytes < 240; megabytes += 8) {
      await pool.query("SELECT pg_logical_emit_message(false, 'test', repeat('x', 8 << 20))");
      await housekeeping.tidy();
    }
    // Of 16 MiB each.
    expect(logFiles()).toBeLessThan(8);
  });
});
