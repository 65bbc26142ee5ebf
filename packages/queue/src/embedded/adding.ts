import type { IQueueBackend, JobJson } from 'bullmq';
import type { Marker, Once } from '../job/new-job.ts';
import type { AddReply, StoredNewJob } from '../port/stored-job.ts';
import type { JobState } from '../job/job-view.ts';
import type { PgPool } from './pg-pool.ts';

/** Makes the table of the markers and the function that adds; does away with markers that have expired. */
export async function installAdding(pool: PgPool): Promise<void> {
  for (const statement of [markerTable, markerIndex, stateFunction, addFunction]) await pool.query(statement);
  await pool.query('DELETE FROM holdfast_once WHERE expire_at_ms <= $1', [Date.now()]);
}

/** Adds jobs to one queue in one statement: either all that is said in the replies is true, or nothing was done. */
export async function addJobs(
  pool: PgPool,
  backend: IQueueBackend,
  queue: string,
  jobs: readonly StoredNewJob[],
  shared?: Once,
): Promise<AddReply[]> {
  const entries = jobs.map(({ id, json, once }, index) => ({
    id,
    once: ownMarker(once ?? (shared && { ...shared, place: index + 1 })),
    add: argumentsOf(backend, json, id),
  }));
  const { rows } = await pool.query('SELECT * FROM holdfast_add($1, $2::jsonb, $3)', [
    queue,
    JSON.stringify(entries),
    Date.now(),
  ]);
  return rows.map((row): AddReply => {
    const { outcome, id, state } = row as { outcome: string; id: string; state: JobState };
    return outcome === 'added' || outcome === 'existed' ? { outcome, id, state } : { outcome: 'error', message: id };
  });
}

/** Commands are no cost here: each add has a row of its own, also where it shares its marker with others. */
function ownMarker(marker: Marker | undefined): Once | undefined {
  if (marker?.place === undefined) return marker;
  return { ...marker, token: `${marker.token} ${marker.place}` };
}

/** What BullMQ would call its function `add_job` with, and so ours. */
function argumentsOf(backend: IQueueBackend, json: JobJson, id: string): readonly unknown[] {
  let called: { readonly name: string; readonly args: readonly unknown[] } | undefined;
  const recorder: unknown = Object.create(backend, {
    run: {
      value: async (name: string, args: readonly unknown[]) => {
        called = { name, args };
        return { rows: [{ id }] };
      },
    },
  });
  void (recorder as IQueueBackend).addJob(json, id);
  if (called?.name !== 'add_job' || called.args.length !== addJobParameters) {
    throw new Error(`BullMQ adds the job ${id} in an unknown way.`);
  }
  return called.args;
}

/** Of BullMQ's `add_job`, in its order; the second half of the names is of flows. */
const addJobParameters = 15;

const markerTable = `
  CREATE TABLE IF NOT EXISTS holdfast_once (
    queue text NOT NULL,
    token text NOT NULL,
    job_id text NOT NULL,
    expire_at_ms bigint NOT NULL,
    PRIMARY KEY (queue, token)
  )`;

const markerIndex = 'CREATE INDEX IF NOT EXISTS holdfast_once_expiry ON holdfast_once (expire_at_ms)';

/** As BullMQ names the states on Redis: a waiting job with a priority is `prioritized`. */
const stateFunction = `
  CREATE OR REPLACE FUNCTION holdfast_state(p_queue text, p_id text) RETURNS text LANGUAGE sql AS $$
    SELECT COALESCE(
      (SELECT CASE WHEN state = 'waiting' AND priority > 0 THEN 'prioritized' ELSE state::text END
         FROM job WHERE queue = p_queue AND id = p_id),
      'unknown')
  $$`;

/**
 * The twin of lua/guarded-add.lua. Each job is added in a subtransaction of its own, so that one that cannot be added
 * does not touch the others.
 */
const addFunction = `
  CREATE OR REPLACE FUNCTION holdfast_add(p_queue text, p_entries jsonb, p_now bigint)
  RETURNS TABLE (outcome text, id text, state text) LANGUAGE plpgsql AS $$
  DECLARE
    v_entry jsonb;
    v_add jsonb;
    v_id text;
    v_token text;
    v_stored text;
    v_existed boolean;
  BEGIN
    DELETE FROM holdfast_once AS o WHERE o.expire_at_ms <= p_now;
    FOR v_entry IN SELECT value FROM jsonb_array_elements(p_entries) LOOP
      v_id := v_entry->>'id';
      v_token := v_entry->'once'->>'token';
      v_add := v_entry->'add';
      BEGIN
        v_stored := NULL;
        SELECT o.job_id INTO v_stored FROM holdfast_once AS o WHERE o.queue = p_queue AND o.token = v_token;
        IF v_stored IS NULL THEN
          v_existed := EXISTS (SELECT 1 FROM job AS j WHERE j.queue = p_queue AND j.id = v_id);
          v_stored := v_id;
          -- A job that is there must not touch the de-duplication, which add_job looks at first.
          IF NOT v_existed THEN
            v_stored := add_job(
              v_add->>0, v_add->>1, v_add->>2, (v_add->>3)::jsonb, (v_add->>4)::jsonb, (v_add->>5)::integer,
              (v_add->>6)::bigint, (v_add->>7)::bigint, (v_add->>8)::integer, v_add->>9, v_add->>10, v_add->>11,
              v_add->>12, v_add->>13, (v_add->>14)::boolean);
          END IF;
          IF v_token IS NOT NULL THEN
            INSERT INTO holdfast_once (queue, token, job_id, expire_at_ms)
            VALUES (p_queue, v_token, v_stored, p_now + (v_entry->'once'->>'ttlMs')::bigint);
          END IF;
          v_existed := v_existed OR v_stored <> v_id;
        ELSE
          v_existed := true;
        END IF;
        outcome := CASE WHEN v_existed THEN 'existed' ELSE 'added' END;
        id := v_stored;
        state := holdfast_state(p_queue, v_stored);
      EXCEPTION WHEN OTHERS THEN
        outcome := 'error';
        id := SQLERRM;
        state := '';
      END;
      RETURN NEXT;
    END LOOP;
  END
  $$`;
