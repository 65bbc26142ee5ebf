import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareDatabase, sessionSql } from '../../src/embedded/database.ts';
import { Housekeeping } from '../../src/embedded/housekeeping.ts';
import { PgPool } from '../../src/embedded/pg-pool.ts';
import { PgliteClient } from '../../src/embedded/pglite-client.ts';

/** What becomes of a thousand jobs: added, taken, ended and removed. */
const jobsCome = `
  INSERT INTO job (queue, id, seq, name, state, data, priority, added_at_ms)
  SELECT 'churn', 'job-' || n, n, 'job', 'waiting', jsonb_build_object('text', repeat('x', 200)), 10, n
    FROM generate_series(1, 1000) AS n`;
const jobsGo = [
  `UPDATE job SET state = 'active', lock_token = 't', locked_until_ms = 1 WHERE queue = 'churn'`,
  `UPDATE job SET state = 'completed', lock_token = NULL, finished_at_ms = seq WHERE queue = 'churn'`,
  `DELETE FROM job WHERE queue = 'churn'`,
];

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
    housekeeping.close();
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
    const churn = async (rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        for (const step of [jobsCome, ...jobsGo]) await pool.query(step);
        // PostgreSQL counts what is dead once a second, unless it is asked to.
        await pool.query('SELECT pg_stat_force_next_flush()');
        await housekeeping.tidy();
      }
    };
    await churn(2);
    const first = await sizeOfTables();
    await churn(6);
    // Without housekeeping it is several times as much.
    expect(await sizeOfTables()).toBeLessThan(1.5 * first);
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
