import type {
  JobChanges,
  RedriveStep,
  RemovableState,
  RemovalOrder,
  RemovalOutcome,
  RemovalStep,
  SweepAnswer,
  SweepOrder,
} from '../port/job-changes.ts';
import type { EmbeddedQueueAccess } from './queue-access.ts';

type Row = Readonly<Record<string, unknown>>;

/** Which rows are in a state, in which order they go, and by which time their age is counted. */
const kept: Readonly<Record<RemovableState, readonly [where: string, order: string, since: string]>> = {
  completed: [`state = 'completed'`, 'finished_at_ms, seq', 'finished_at_ms'],
  failed: [`state = 'failed'`, 'finished_at_ms, seq', 'finished_at_ms'],
  waiting: [`state = 'waiting' AND priority = 0`, 'seq', 'waits'],
  prioritized: [`state = 'waiting' AND priority > 0`, 'priority, seq', 'waits'],
  delayed: [`state = 'delayed'`, 'process_at_ms, seq', 'waits'],
};
const waitsSince = `GREATEST(added_at_ms, CASE WHEN opts ->> 'redrivenAt' ~ '^\\d{1,15}$' THEN (opts ->> 'redrivenAt')::bigint END)`;

/** On the tables of BullMQ. This process alone uses them, so its clock is that of the store, and nobody else could sweep. */
export class EmbeddedJobChanges implements JobChanges {
  readonly #access: EmbeddedQueueAccess;

  constructor(access: EmbeddedQueueAccess) {
    this.#access = access;
  }

  async removeFrom({ state, limit, olderThanMs, from }: RemovalOrder): Promise<RemovalStep> {
    const hasEnded = state === 'completed' || state === 'failed';
    const before = from?.before ?? Date.now() - (olderThanMs ?? 0);
    const bound = hasEnded || olderThanMs !== undefined ? before : null;
    const rows = await this.#change(removeFromSql(state), [this.#access.name, Date.now(), bound, limit]);
    const removed = rows.filter(({ outcome }) => outcome === 'removed').length;
    // What is left to remove is found anew: the statement passes over what stays.
    const hasMore = rows.length === limit && removed > 0;
    const remaining = hasEnded && hasMore ? await this.#countEnded(state, before) : 0;
    return { removed, remaining, ...(hasMore && { next: { before, place: '', id: '' } }) };
  }

  async remove(id: string): Promise<RemovalOutcome> {
    const [row] = await this.#change('SELECT outcome FROM holdfast_remove($1, ARRAY[$2::text], $3::bigint)', [
      this.#access.name,
      id,
      Date.now(),
    ]);
    return (row?.['outcome'] ?? 'absent') as RemovalOutcome;
  }

  async removeDeadLetters(
    ids: readonly string[],
    olderThanMs: number,
  ): Promise<{ readonly removed: number; readonly looked: number }> {
    const now = Date.now();
    const rows = await this.#change(removeDeadLettersSql, [this.#access.name, now, now - olderThanMs, ids]);
    return { removed: rows.length, looked: ids.length };
  }

  async redrive(ids: readonly string[]): Promise<RedriveStep> {
    return this.#redrive(ids, Date.now());
  }

  async redriveOldest(limit: number, before = Date.now()): Promise<RedriveStep> {
    const rows = await this.#query(oldestSql, [this.#access.name, before, limit]);
    const step = await this.#redrive(
      rows.map(({ id }) => String(id)),
      before,
    );
    return { ...step, remaining: Number(rows[0]?.['total'] ?? 0) - step.redriven };
  }

  async promote(id: string): Promise<boolean> {
    const [row] = await this.#change('SELECT promote($1, $2) AS code', [this.#access.name, id]);
    return row?.['code'] === 0;
  }

  async sweep({ limit, retention: { completed, failed } }: SweepOrder): Promise<SweepAnswer> {
    const now = Date.now();
    const before = (ageMs: number | undefined): number | null => (ageMs === undefined ? null : now - ageMs);
    const rows = await this.#change(sweepSql, [
      this.#access.name,
      before(completed.ageMs),
      completed.count ?? null,
      before(failed.ageMs),
      failed.count ?? null,
      limit,
      now,
    ]);
    return { elsewhere: false, removed: rows.length, more: rows.length === limit };
  }

  async #redrive(ids: readonly string[], before: number): Promise<RedriveStep> {
    const rows = await this.#change('SELECT id, code FROM holdfast_redrive($1, $2::text[], $3::bigint)', [
      this.#access.name,
      ids,
      Date.now(),
    ]);
    const failed = rows
      .filter(({ code }) => code !== 1)
      .map(({ id, code }) => ({ id: String(id), reason: code === -1 ? ('absent' as const) : ('state' as const) }));
    return { redriven: rows.length - failed.length, failed, looked: ids.length, remaining: 0, before };
  }

  async #countEnded(state: RemovableState, before: number): Promise<number> {
    const [row] = await this.#query(
      'SELECT count(*) AS total FROM job WHERE queue = $1 AND state = $2::job_state AND finished_at_ms <= $3::bigint',
      [this.#access.name, state, before],
    );
    return Number(row?.['total'] ?? 0);
  }

  async #change(text: string, params: readonly unknown[]): Promise<Row[]> {
    return this.#access.change(async (pool) => (await pool.query(text, params)).rows);
  }

  async #query(text: string, params: readonly unknown[]): Promise<Row[]> {
    return this.#access.run(async (pool) => (await pool.query(text, params)).rows);
  }
}

/** $1 queue, $2 now, $3 how old at least (null: any age), $4 how many. */
function removeFromSql(state: RemovableState): string {
  const [where, order, since] = kept[state];
  const stays = since === 'waits' ? 'AND (scheduler_id IS NULL OR NOT holdfast_is_next(queue, id, scheduler_id))' : '';
  return `
    SELECT outcome FROM holdfast_remove($1, ARRAY(
      SELECT id FROM job
       WHERE queue = $1 AND ${where} ${stays}
         AND ($3::bigint IS NULL OR ${since === 'waits' ? waitsSince : since} <= $3::bigint)
       ORDER BY ${order}
       LIMIT $4::int
    ), $2::bigint)`;
}

/** $1 queue, $2 now, $3 before, $4 ids. */
const removeDeadLettersSql = `
  SELECT id FROM holdfast_remove($1, ARRAY(
    SELECT id FROM job
     WHERE queue = $1 AND state = 'failed' AND finished_at_ms <= $3::bigint AND id = ANY ($4::text[])
  ), $2::bigint)`;

/** $1 queue, $2 before, $3 how many. */
const oldestSql = `
  SELECT id, count(*) OVER () AS total
    FROM job
   WHERE queue = $1 AND state = 'failed' AND finished_at_ms < $2::bigint
   ORDER BY finished_at_ms, id COLLATE "C"
   LIMIT $3::int`;

/** $1 queue; $2 and $3 from when on and how many completed ones are kept, $4 and $5 failed ones; $6 how many at most; $7 now. */
const sweepSql = `
  SELECT id FROM holdfast_remove($1, ARRAY(
    SELECT id FROM (
      SELECT id, state, finished_at_ms,
             row_number() OVER (PARTITION BY state ORDER BY finished_at_ms DESC, seq DESC) AS place
        FROM job
       WHERE queue = $1 AND state IN ('completed', 'failed')
    ) AS finished
    WHERE (state = 'completed' AND (finished_at_ms < $2::bigint OR place > $3::bigint))
       OR (state = 'failed' AND (finished_at_ms < $4::bigint OR place > $5::bigint))
    ORDER BY finished_at_ms
    LIMIT $6::int
  ), $7::bigint)`;
