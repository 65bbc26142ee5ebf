import type { PgPool } from './pg-pool.ts';

/** A job that was running this many times when its process died is not run again: it may well be the reason. */
export const maxCrashes = 5;

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
            stalled_count = stalled_count + 1,
            deferred_failure = CASE WHEN stalled_count + 1 >= $1
              THEN 'JOB_CRASHED: The process died ' || (stalled_count + 1) || ' times while it ran this job.'
              ELSE deferred_failure END
      WHERE state = 'active'`,
    [maxCrashes],
  );
  return rowCount;
}
