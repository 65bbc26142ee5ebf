import { Latch } from '@holdfast/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Consumer, defineQueue, Queues, type QueueBackend } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import { copyJob, pagesOf, runSql } from '../fixtures/database-pages.ts';

/** $1 queue, $2 how many are kept. Two hundred jobs run, each in its turn. */
const keptJobs = `
  SELECT move_to_completed($1, (
           SELECT id FROM move_to_active($1, 't', 60000, (
             SELECT 1000000 + n FROM add_job($1, 'job-' || n, 'job', '{}', '{}', 10, 0::bigint, n::bigint, 1, null, null, null, null, null, false)
           )::bigint, 'test', null, null)
         ), 't', 'null', (2000000 + n / 2)::bigint, false, null, $2::int)
    FROM generate_series(1, 200) AS n`;

/** What a job costs is counted in pages that the database looks at: that is the same on a busy machine. */
describe('many jobs in the embedded queue', () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-depth-'));
  const name = 'deep';
  const definition = defineQueue({
    name,
    description: 'For the test.',
    payload: Type.Object({ n: Type.Integer() }),
    attempts: 1,
    timeoutMs: 60_000,
    retention: { completed: { count: 3000 }, failed: { count: 3000, ageMs: 86_400_000 } },
    concurrency: 1,
  });
  let backend: QueueBackend;
  let queues: Queues;

  beforeAll(async () => {
    backend = await createEmbeddedBackend({ directory });
    queues = new Queues({ backend, definitions: [definition] });
  });
  afterAll(async () => {
    await queues.close();
    await backend.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Adds jobs that run next, half of which fail, and runs at least those: the pages a job. */
  async function pagesPerJob(count: number): Promise<number> {
    let ran = 0;
    const all = new Latch(count);
    const pages = await pagesOf(backend, name, async () => {
      for (let n = 0; n < count; n += 1) await queues.add(name, { data: { n }, options: { priority: 'high' } });
      const consumer = new Consumer({
        backend,
        definition,
        handler: async ({ data }) => {
          ran += 1;
          all.open();
          if (data.n % 2 === 1) throw new Error('fails');
        },
      });
      await consumer.start();
      await all.wait();
      await consumer.close({ timeoutMs: 30_000 });
    });
    return pages / ran;
  }

  it('keeps the number of its retention, up to a 32nd, and exactly where that is small', async () => {
    const { queue } = backend.open('kept');
    await queue.getBackend().waitUntilReady();
    for (const [id, keep] of Object.entries({ few: 5, many: 64 })) {
      await runSql(backend, 'kept', keptJobs, [id, keep]);
      const rows = await runSql(backend, 'kept', `SELECT id FROM job WHERE queue = $1 ORDER BY finished_at_ms DESC`, [
        id,
      ]);
      expect(rows.length).toBeGreaterThanOrEqual(keep);
      expect(rows.length).toBeLessThanOrEqual(keep + Math.floor(keep / 32));
      expect(rows[0]).toEqual({ id: 'job-200' });
    }
  });

  it('removes what is too old when another job ends', async () => {
    await runSql(backend, 'kept', keptJobs, ['old', null]);
    await runSql(
      backend,
      'kept',
      `SELECT apply_retention('old', 'any', 'completed', (SELECT max(finished_at_ms) FROM job WHERE queue = 'old') + 999, false, 1, null)`,
    );
    const rows = await runSql(backend, 'kept', `SELECT finished_at_ms FROM job WHERE queue = 'old'`);
    // A hundred go at a time.
    expect(rows).toHaveLength(100);
  });

  it('costs as few pages a job as few jobs do', async () => {
    // The plans are made here, when all tables are as good as empty.
    await pagesPerJob(40);
    const shallow = await pagesPerJob(40);
    await queues.add(name, { data: { n: 0 }, options: { jobId: 'waiting', priority: 'low' } });
    const ended = await runSql(
      backend,
      name,
      `SELECT DISTINCT ON (state) id FROM job WHERE state IN ('completed', 'failed')`,
    );
    for (const id of ['waiting', ...ended.map((row) => String(row['id']))]) await copyJob(backend, name, id, 2000);

    const deep = await pagesPerJob(40);
    await runSql(backend, name, 'VACUUM ANALYZE');
    const analyzed = await pagesPerJob(40);
    // An index has one level more, what is kept is counted once in many jobs, and where this takes long, tables are tidied
    // in between. A plan that reads a table, or BullMQ's own way of keeping, makes twenty times as many.
    expect(deep).toBeLessThan(4 * shallow);
    expect(analyzed).toBeLessThan(4 * shallow);
  });
});
