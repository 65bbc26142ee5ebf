import { defaultMaxCrashes } from '../port/consumer-tuning.ts';
import type { QueueDefinition } from '../job/define-queue.ts';
import type { PgPool } from './pg-pool.ts';

/** How many crashes end a job, where a queue does not leave that to the default. */
export type CrashLimit = Pick<QueueDefinition, 'name' | 'maxCrashes'>;

/**
 * Gives back the jobs that ran when the last process died. The folder is held exclusively, so every job that is still
 * `active` belongs to a process that is gone: no need to wait for its lock to expire.
 *
 * @returns how many went back to waiting
 */
export async function recoverJobs(pool: PgPool, limits: readonly CrashLimit[] = []): Promise<number> {
  const byQueue = Object.fromEntries(limits.map(({ name, maxCrashes = defaultMaxCrashes }) => [name, maxCrashes]));
  const { rowCount } = await pool.query(
    `UPDATE job
        SET state = 'waiting', lock_token = NULL, locked_until_ms = NULL, stalled_marked = false,
            stalled_count = stalled_count + crashed,
            deferred_failure = CASE WHEN stalled_count + crashed >= allowed
              THEN 'JOB_CRASHED_WORKER: The process died ' || (stalled_count + crashed) ||
                   ' times while it ran this job, the maxCrashes of its queue.'
              ELSE deferred_failure END
       FROM (SELECT *, CASE WHEN of_stalled < GREATEST(1, allowed - 1) OR had_begun THEN 1 ELSE 0 END AS crashed
               FROM (SELECT queue AS of_queue, id AS of_id, stalled_count AS of_stalled,
                            processed_by = lock_token AS had_begun,
                            COALESCE(($1::jsonb ->> queue)::integer, $2) AS allowed
                       FROM job WHERE state = 'active') AS left_behind) AS counted
      WHERE state = 'active' AND queue = of_queue AND id = of_id`,
    [JSON.stringify(byQueue), defaultMaxCrashes],
  );
  return rowCount;
}
