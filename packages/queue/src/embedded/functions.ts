/**
 * How jobs fail without a worker and are removed, in one statement and so all or nothing, with BullMQ's own functions where
 * a job changes its state: the twins of lua/fail-job.lua, remove-job.lua, cancel-job.lua and redrive.lua. Created at each start,
 * beside those of BullMQ.
 */
export const functionsSql = `
  -- Whether nothing is kept of a job once it has failed.
  CREATE OR REPLACE FUNCTION holdfast_is_dropped(p_opts jsonb) RETURNS boolean
  LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT COALESCE(p_opts -> 'removeOnFail' IN ('true'::jsonb, '0'::jsonb), false)
        OR COALESCE(p_opts -> 'removeOnFail' -> 'count' = '0'::jsonb, false)
  $$;

  -- A job that does not run fails. No attempt was made.
  CREATE OR REPLACE FUNCTION holdfast_fail(p_queue text, p_id text, p_failure text, p_now bigint) RETURNS void
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  DECLARE
    v_opts jsonb;
  BEGIN
    UPDATE job SET state = 'active' WHERE queue = p_queue AND id = p_id RETURNING opts INTO v_opts;
    PERFORM move_to_failed(p_queue, p_id, '0', p_failure, NULL, p_now, holdfast_is_dropped(v_opts), NULL, NULL);
    UPDATE job SET attempts_made = attempts_made - 1 WHERE queue = p_queue AND id = p_id;
  END
  $$;

  -- Whether it is the one that a schedule has waiting: without it the schedule would end.
  CREATE OR REPLACE FUNCTION holdfast_is_next(p_queue text, p_id text, p_schedule text) RETURNS boolean
  LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT EXISTS (
      SELECT 1 FROM scheduler AS s
       WHERE s.queue = p_queue AND s.scheduler_id = p_schedule
         AND p_id = 'repeat:' || s.scheduler_id || ':' || s.next_run_ms)
  $$;

  -- What a job is to a parent that waits for it when it is removed: a child that has failed.
  CREATE OR REPLACE FUNCTION holdfast_leave_parent(p_queue text, p_id text, p_now bigint) RETURNS void
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  DECLARE
    v_key text := p_queue || ':' || p_id;
    v_parent_queue text;
    v_parent_id text;
    v_parent_state job_state;
    v_opts jsonb;
    v_reason text := 'JOB_REMOVED: The job was removed before it had succeeded.';
    v_failure text := format('JOB_CHILD_REMOVED: The job %s of the queue "%s" was removed, which this one waited for.', p_id, p_queue);
  BEGIN
    SELECT parent_queue, parent_id, opts INTO v_parent_queue, v_parent_id, v_opts
      FROM job WHERE queue = p_queue AND id = p_id;
    IF v_parent_id IS NULL OR NOT EXISTS (
      SELECT 1 FROM job_dependency AS d
       WHERE d.parent_queue = v_parent_queue AND d.parent_id = v_parent_id AND d.child_key = v_key AND d.status = 'pending'
    ) THEN
      RETURN;
    END IF;
    IF COALESCE((v_opts ->> 'failParentOnFailure')::boolean, false) OR NOT (
      COALESCE((v_opts ->> 'ignoreDependencyOnFailure')::boolean, false)
      OR COALESCE((v_opts ->> 'continueParentOnFailure')::boolean, false)
      OR COALESCE((v_opts ->> 'removeDependencyOnFailure')::boolean, false)
    ) THEN
      UPDATE job_dependency SET status = 'failed', value = to_jsonb(v_reason)
       WHERE parent_queue = v_parent_queue AND parent_id = v_parent_id AND child_key = v_key;
      UPDATE job SET pending_deps = GREATEST(pending_deps - 1, 0)
       WHERE queue = v_parent_queue AND id = v_parent_id RETURNING state INTO v_parent_state;
      IF v_parent_state = 'waiting-children' THEN
        PERFORM holdfast_fail(v_parent_queue, v_parent_id, v_failure, p_now);
      ELSIF v_parent_state <> 'failed' THEN
        UPDATE job SET deferred_failure = v_failure WHERE queue = v_parent_queue AND id = v_parent_id;
      END IF;
    ELSE
      PERFORM handle_child_failure(p_queue, p_id, v_reason, p_now);
    END IF;
  END
  $$;

  -- Removes jobs with all that belongs to them; of each what became of it, as RemovalOutcome of the port names it.
  CREATE OR REPLACE FUNCTION holdfast_remove(p_queue text, p_ids text[], p_now bigint)
  RETURNS TABLE (id text, outcome text)
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  #variable_conflict use_column
  DECLARE
    v_id text;
    v_job job%ROWTYPE;
  BEGIN
    FOREACH v_id IN ARRAY p_ids LOOP
      SELECT * INTO v_job FROM job WHERE queue = p_queue AND job.id = v_id FOR UPDATE;
      IF NOT FOUND THEN
        RETURN QUERY SELECT v_id, 'absent';
      ELSIF v_job.state NOT IN ('completed', 'failed') AND v_job.lock_token IS NOT NULL AND v_job.locked_until_ms > p_now THEN
        RETURN QUERY SELECT v_id, 'locked';
      ELSIF v_job.state NOT IN ('completed', 'failed') AND holdfast_is_next(p_queue, v_id, v_job.scheduler_id) THEN
        RETURN QUERY SELECT v_id, 'schedule';
      ELSE
        PERFORM holdfast_leave_parent(p_queue, v_id, p_now);
        -- What was kept to follow the job, and BullMQ's function leaves.
        DELETE FROM dedup_next AS n USING dedup AS d
         WHERE n.queue = p_queue AND n.dedup_id = v_job.dedup_id
           AND d.queue = n.queue AND d.dedup_id = n.dedup_id AND d.job_id = v_id;
        UPDATE job SET scheduler_id = NULL, lock_token = NULL WHERE queue = p_queue AND job.id = v_id;
        PERFORM remove(p_queue, v_id, false);
        IF v_job.state NOT IN ('completed', 'failed') THEN
          PERFORM publish_event(p_queue, 'removed', jsonb_build_object('jobId', v_id, 'prev', v_job.state));
        END IF;
        RETURN QUERY SELECT v_id, 'removed';
      END IF;
    END LOOP;
  END
  $$;

  -- Cancels a job that has not ended: CancelOutcome of the port, and the lock under which it runs.
  CREATE OR REPLACE FUNCTION holdfast_cancel(p_queue text, p_id text, p_failure text, p_now bigint)
  RETURNS TABLE (outcome text, lock_token text)
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  #variable_conflict use_column
  DECLARE
    v_job job%ROWTYPE;
  BEGIN
    SELECT * INTO v_job FROM job WHERE queue = p_queue AND id = p_id FOR UPDATE;
    IF NOT FOUND THEN
      RETURN QUERY SELECT 'missing', NULL::text;
    ELSIF v_job.state IN ('completed', 'failed') THEN
      RETURN QUERY SELECT 'ended', NULL::text;
    ELSIF v_job.state = 'active' THEN
      UPDATE job SET deferred_failure = p_failure WHERE queue = p_queue AND id = p_id;
      RETURN QUERY SELECT 'active', v_job.lock_token;
    ELSIF v_job.state = 'waiting-children' THEN
      RETURN QUERY SELECT 'waiting-children', NULL::text;
    ELSIF holdfast_is_next(p_queue, p_id, v_job.scheduler_id) THEN
      RETURN QUERY SELECT 'schedule', NULL::text;
    ELSE
      PERFORM holdfast_fail(p_queue, p_id, p_failure, p_now);
      RETURN QUERY SELECT 'waiting', NULL::text;
    END IF;
  END
  $$;

  -- Lets failed jobs start anew; for each id 1, or -1 where there is none, or -3 where it has not failed.
  CREATE OR REPLACE FUNCTION holdfast_redrive(p_queue text, p_ids text[], p_now bigint)
  RETURNS TABLE (id text, code integer)
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  #variable_conflict use_column
  DECLARE
    v_id text;
    v_lifo boolean;
    v_code integer;
  BEGIN
    FOREACH v_id IN ARRAY p_ids LOOP
      -- BullMQ's own function leaves what counts the stalls.
      UPDATE job SET stalled_count = 0, deferred_failure = NULL, delay_ms = 0,
                     opts = jsonb_set(
                       jsonb_set(opts, '{redriven}', to_jsonb(COALESCE((opts ->> 'redriven')::integer, 0) + 1)),
                       '{redrivenAt}', to_jsonb(p_now))
       WHERE queue = p_queue AND job.id = v_id AND state = 'failed'
      RETURNING COALESCE((opts ->> 'lifo')::boolean, false) INTO v_lifo;
      v_code := reprocess_job(p_queue, v_id, 'failed', COALESCE(v_lifo, false), true, true);
      IF v_code = 1 THEN
        -- It waits from now on.
        UPDATE job SET process_at_ms = p_now WHERE queue = p_queue AND job.id = v_id;
        -- A child that was removed cannot succeed any more: its parent, which failed for it, is told so when it runs.
        UPDATE job_dependency AS d SET status = 'ignored'
         WHERE d.parent_queue = p_queue AND d.parent_id = v_id AND d.status = 'failed'
           AND NOT EXISTS (SELECT 1 FROM job AS c WHERE c.queue = d.child_queue AND c.id = d.child_id);
      END IF;
      RETURN QUERY SELECT v_id, v_code;
    END LOOP;
  END
  $$;
`;
