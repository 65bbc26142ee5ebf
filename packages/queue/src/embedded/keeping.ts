/**
 * How many ended jobs are kept, without looking at them: in place of BullMQ's function of this name, which reads the
 * whole table each time a job ends, those that wait included.
 *
 * It counts in a setting of the session how many jobs have ended since it last looked, and looks when that is a 32nd of
 * what is kept: so a job that ends costs 32 places in an index, however many there are, and never more than a 32nd is
 * kept above the number. Below 32 it looks each time, and the number is exact. The session is the only one; a new one looks
 * at once. What is old goes a hundred at a time, so that nobody waits for ten thousand; the sweeper does the same.
 */
export const keepingSql = `
  CREATE OR REPLACE FUNCTION apply_retention(
    p_queue text, p_id text, p_state job_state, p_now bigint, p_remove_all boolean, p_keep_age bigint,
    p_keep_count integer
  ) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  DECLARE
    v_parent_queue text;
    v_parent_id text;
    v_pending integer;
    v_setting text;
    v_since integer;
  BEGIN
    IF p_remove_all THEN
      -- As BullMQ does it: a parent no longer waits for a job that is removed.
      SELECT parent_queue, parent_id INTO v_parent_queue, v_parent_id FROM job WHERE queue = p_queue AND id = p_id;
      IF v_parent_queue IS NOT NULL AND v_parent_id IS NOT NULL THEN
        DELETE FROM job_dependency
         WHERE parent_queue = v_parent_queue AND parent_id = v_parent_id
           AND child_key = p_queue || ':' || p_id AND status = 'pending';
        IF FOUND THEN
          UPDATE job SET pending_deps = GREATEST(pending_deps - 1, 0)
           WHERE queue = v_parent_queue AND id = v_parent_id
          RETURNING pending_deps INTO v_pending;
          IF v_pending = 0 THEN PERFORM move_parent_to_wait(v_parent_queue, v_parent_id, p_now); END IF;
        END IF;
      END IF;
      DELETE FROM job WHERE queue = p_queue AND id = p_id;
      RETURN;
    END IF;

    IF p_keep_age >= 0 THEN
      DELETE FROM job WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM job
         WHERE queue = p_queue AND state = p_state AND state IN ('completed', 'failed')
           AND finished_at_ms <= p_now - p_keep_age * 1000
         ORDER BY finished_at_ms
         LIMIT 100
      ));
    END IF;

    IF p_keep_count >= 0 THEN
      v_setting := 'holdfast.ended_' || to_hex(hashtext(p_state || ' ' || p_queue));
      v_since := COALESCE(NULLIF(current_setting(v_setting, true), '')::integer, p_keep_count) + 1;
      IF v_since > p_keep_count / 32 THEN
        DELETE FROM job WHERE ctid = ANY (ARRAY(
          SELECT ctid FROM job
           WHERE queue = p_queue AND state = p_state AND state IN ('completed', 'failed')
           ORDER BY finished_at_ms DESC, seq DESC
          OFFSET p_keep_count LIMIT p_keep_count / 32 + 1000
        ));
        v_since := 0;
      END IF;
      PERFORM set_config(v_setting, v_since::text, false);
    END IF;
  END
  $$;
`;
