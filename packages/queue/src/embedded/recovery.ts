import { defaultMaxCrashes } from '../consuming/tuning.ts';
import type { PgPool } from './pg-pool.ts';

/**
 * Gives back the jobs that ran when the last process died. The folder is held exclusively, so every job that is still
 * `active` belongs to a process that is gone: no need to wait for its lock to expire.
 *
 * @returns how many went back to waiting
 */
export async function recoverJobs(pool: PgPool): Promise<number> {
  const { rowCount } = await pool.query(
    `UPDATE job
        SET state = 'waiting', lock_token = NULL, locked_until_ms = NULL, stalled_marked = false,
            stalled_count = stalled_count + crashed,
            deferred_failure = CASE WHEN stalled_count + crashed >= $1
              THEN 'JOB_CRASHED_WORKER: The process died ' || (stalled_count + crashed) || ' times while it ran this job.'
              ELSE deferred_failure END
       FROM (SELECT queue AS of_queue, id AS of_id,
                    CASE WHEN stalled_count < $1 - 1 OR processed_by = lock_token THEN 1 ELSE 0 END AS crashed
               FROM job WHERE state = 'active') AS counted
      WHERE state = 'active' AND queue = of_queue AND id = of_id`,
    [defaultMaxCrashes],
  );
  return rowCount;
}
