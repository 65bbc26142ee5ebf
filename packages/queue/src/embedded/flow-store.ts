import type { IQueueBackend } from 'bullmq';
import type { EmbeddedQueueAccess } from './queue-access.ts';
import {
  type PlannedJob,
  toStoredFlowJob,
  type FlowOutcome,
  type FlowStore,
  type StoredFlowJob,
} from '../port/flow-store.ts';

/** One statement; the queues of a flow are all in one database. */
export class EmbeddedFlowStore implements FlowStore {
  readonly #access: EmbeddedQueueAccess;

  constructor(access: EmbeddedQueueAccess) {
    this.#access = access;
  }

  async add(jobs: readonly PlannedJob[]): Promise<FlowOutcome> {
    const entries = await entriesOf(jobs.map((job) => toStoredFlowJob(job)));
    const { rows } = await this.#access.run((pool) =>
      pool.query('SELECT * FROM holdfast_add_flow($1::jsonb)', [entries]),
    );
    const [row] = rows;
    const outcome = String(row?.['outcome']);
    if (outcome === 'conflict') return { outcome, job: String(row?.['job']) };
    return { outcome: outcome === 'existed' ? 'existed' : 'added' };
  }
}

/** What BullMQ would call its function `add_flow` with, as JSON. */
async function entriesOf(stored: readonly StoredFlowJob[]): Promise<string> {
  const [root] = stored;
  if (root === undefined) return '[]';
  let called: readonly unknown[] | undefined;
  const recorder: unknown = Object.create(root.planned.queue.getBackend(), {
    run: {
      value: async (_name: string, args: readonly unknown[]) => {
        called = args;
        return { rows: [] };
      },
    },
  });
  await (recorder as IQueueBackend).addFlow(
    stored.map(({ planned: { job, queue }, json, links }) => ({
      jobData: json,
      jobId: job.id,
      parentKeyOpts: links,
      prefix: '',
      queueName: queue.name,
    })),
  );
  const entries = called?.[0];
  if (typeof entries !== 'string') throw new Error('BullMQ adds flows in an unknown way.');
  return entries;
}

/** The twin of lua/add-flow.lua. Created at each start. */
export const flowFunctionSql = `
  CREATE OR REPLACE FUNCTION holdfast_add_flow(p_entries jsonb) RETURNS TABLE (outcome text, job text)
  LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  DECLARE
    v_entry jsonb;
    v_at bigint;
    v_id text;
  BEGIN
    FOR v_entry, v_at IN SELECT * FROM jsonb_array_elements(p_entries) WITH ORDINALITY LOOP
      IF EXISTS (SELECT 1 FROM job AS j WHERE j.queue = v_entry->>'queue' AND j.id = v_entry->>'id') THEN
        outcome := CASE WHEN v_at = 1 THEN 'existed' ELSE 'conflict' END;
        job := (v_entry->>'queue') || ':' || (v_entry->>'id');
        RETURN NEXT;
        RETURN;
      END IF;
    END LOOP;
    FOR v_id IN SELECT * FROM add_flow(p_entries) LOOP
      -- A negative number is an error, after which nothing of it may stay.
      IF v_id ~ '^-[0-9]+$' THEN RAISE EXCEPTION 'BullMQ refused the flow with %', v_id; END IF;
    END LOOP;
    outcome := 'added';
    job := '';
    RETURN NEXT;
  END
  $$;
`;
