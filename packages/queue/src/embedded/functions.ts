/**
 * What BullMQ's functions for one job make of many, in one statement and so all or nothing. Created at each start,
 * beside those of BullMQ.
 */
export const functionsSql = `
  -- Lets failed jobs start anew; for each id 1, or -1 where there is none, or -3 where it has not failed.
  CREATE OR REPLACE FUNCTION holdfast_redrive(p_queue text, p_ids text[]) RETURNS TABLE (id text, code integer)
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  #variable_conflict use_column
  DECLARE
    v_id text;
    v_lifo boolean;
  BEGIN
    FOREACH v_id IN ARRAY p_ids LOOP
      -- BullMQ's own function leaves what counts the stalls.
      UPDATE job SET stalled_count = 0, deferred_failure = NULL,
                     opts = jsonb_set(opts, '{redriven}', to_jsonb(COALESCE((opts ->> 'redriven')::integer, 0) + 1))
       WHERE queue = p_queue AND job.id = v_id AND state = 'failed'
      RETURNING COALESCE((opts ->> 'lifo')::boolean, false) INTO v_lifo;
      RETURN QUERY SELECT v_id, reprocess_job(p_queue, v_id, 'failed', COALESCE(v_lifo, false), true, true);
    END LOOP;
  END
  $$;

  -- Removes jobs that have ended, with all that belongs to them; also what a schedule made.
  CREATE OR REPLACE FUNCTION holdfast_remove_finished(p_queue text, p_ids text[]) RETURNS SETOF text
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  DECLARE
    v_id text;
  BEGIN
    FOREACH v_id IN ARRAY p_ids LOOP
      UPDATE job SET scheduler_id = NULL, lock_token = NULL
       WHERE queue = p_queue AND id = v_id AND state IN ('completed', 'failed');
      IF FOUND THEN
        PERFORM remove(p_queue, v_id, false);
        RETURN NEXT v_id;
      END IF;
    END LOOP;
  END
  $$;
`;
