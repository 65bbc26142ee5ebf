import type { QueueReading } from '../job/summary.ts';
import type { PgPool } from './pg-pool.ts';

/**
 * From when on a waiting job can run: from when it was added plus its delay; one that was tried, from its last start plus
 * its back-off.
 */
const canRunFrom = 'COALESCE(process_at_ms, GREATEST(added_at_ms, processed_at_ms))';

/** Counts a queue and finds the age of its oldest job. Each count reads one index, and of the table only what has changed. */
export async function readQueue(pool: PgPool, queue: string): Promise<Omit<QueueReading, 'workers'>> {
  const { rows } = await pool.query(readingSql, [queue, Date.now()]);
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
  };
}

/** Of its own partial index, of which there is one for each state. */
const count = (where: string): string => `(SELECT count(*) FROM job WHERE queue = $1 AND ${where})`;

/**
 * $1 queue, $2 now. Within one priority the first is the oldest; as on Redis, sixteen priorities are looked at. A delayed
 * job whose time has come waits too, although only a worker moves it.
 */
const readingSql = `
  WITH RECURSIVE head AS (
    (SELECT 1 AS place, priority, ${canRunFrom} AS since
       FROM job WHERE queue = $1 AND state = 'waiting' ORDER BY priority, seq LIMIT 1)
    UNION ALL
    SELECT head.place + 1, next.priority, next.since
      FROM head, LATERAL (
        SELECT priority, ${canRunFrom} AS since
          FROM job
         WHERE queue = $1 AND state = 'waiting' AND priority > head.priority
         ORDER BY priority, seq LIMIT 1
      ) AS next
     WHERE head.place < 16
  )
  SELECT
    ${count(`state = 'waiting' AND priority = 0`)} AS waiting,
    ${count(`state = 'waiting' AND priority > 0`)} AS prioritized,
    ${count(`state = 'active'`)} AS active,
    ${count(`state = 'delayed'`)} AS delayed,
    ${count(`state IN ('completed', 'failed') AND state = 'completed'`)} AS completed,
    ${count(`state IN ('completed', 'failed') AND state = 'failed'`)} AS failed,
    ${count(`state = 'waiting-children'`)} AS waiting_children,
    $2::bigint - LEAST(
      (SELECT min(since) FROM head),
      (SELECT process_at_ms FROM job
        WHERE queue = $1 AND state = 'delayed' AND process_at_ms <= $2::bigint ORDER BY process_at_ms LIMIT 1)
    ) AS oldest_age,
    (SELECT value FROM meta WHERE queue = $1 AND field = 'paused') AS paused`;
