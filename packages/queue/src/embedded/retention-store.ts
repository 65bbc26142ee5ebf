import type { EmbeddedQueueAccess } from './dead-letter-store.ts';
import type { RetentionStore, SweepAnswer, SweepOrder } from '../port/retention-store.ts';

/** On PGlite, which only this process uses: nobody else could sweep. */
export class EmbeddedRetentionStore implements RetentionStore {
  readonly #access: EmbeddedQueueAccess;

  constructor(access: EmbeddedQueueAccess) {
    this.#access = access;
  }

  async sweep({ limit, retention: { completed, failed } }: SweepOrder): Promise<SweepAnswer> {
    const now = Date.now();
    const before = (ageMs: number | undefined): number | null => (ageMs === undefined ? null : now - ageMs);
    const params = [
      this.#access.name,
      before(completed.ageMs),
      completed.count ?? null,
      before(failed.ageMs),
      failed.count ?? null,
      limit,
    ];
    const { rows } = await this.#access.run((pool) => pool.query(sweepSql, params));
    return { elsewhere: false, removed: rows.length, more: rows.length === limit };
  }
}

/** $1 queue; $2 and $3 from when on and how many completed ones are kept, $4 and $5 failed ones; $6 how many at most. */
const sweepSql = `
  SELECT id FROM holdfast_remove_finished($1, ARRAY(
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
  )) AS id`;
