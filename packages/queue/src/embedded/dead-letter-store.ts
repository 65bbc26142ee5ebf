import { StoredFields, withDamage } from '../job/stored-fields.ts';
import type { PgPool } from './pg-pool.ts';
import type { DeadLetterPage } from '../job/dead-letter.ts';
import { maxPageBytes, toPage, type StoredDeadLetter } from '../port/dead-letter-view.ts';
import type { ListCursor } from '../port/dead-letter-cursor.ts';
import type { CleanAnswer, DeadLetterStore, RedriveAnswer } from '../port/dead-letter-store.ts';

/** What a column of such times can hold. */
const largestTime = '9223372036854775807';

type Row = Readonly<Record<string, unknown>>;

export interface EmbeddedQueueAccess {
  readonly name: string;
  /** Runs statements on the database within the command timeout. */
  readonly run: <T>(operation: (pool: PgPool) => Promise<T>) => Promise<T>;
}

/** On the tables of BullMQ, with its own functions where a job changes its state. */
export class EmbeddedDeadLetterStore implements DeadLetterStore {
  readonly #access: EmbeddedQueueAccess;

  constructor(access: EmbeddedQueueAccess) {
    this.#access = access;
  }

  async list(queue: string, limit: number, after: ListCursor | undefined): Promise<DeadLetterPage> {
    const rows = await this.#query(listSql, [
      this.#access.name,
      after?.failedAt ?? largestTime,
      after?.id ?? '',
      limit + 1,
      maxPageBytes,
    ]);
    const fits = rows.filter((row, at) => at === 0 || (at < limit && row['fits'] === true));
    return toPage(queue, fits.map(toStored), rows.length > fits.length);
  }

  async redrive(ids: readonly string[]): Promise<RedriveAnswer> {
    const rows = await this.#query(redriveSql, [this.#access.name, ids]);
    const failed = rows
      .filter((row) => row['code'] !== 1)
      .map((row) => ({
        id: String(row['id']),
        reason: row['code'] === -1 ? ('absent' as const) : ('state' as const),
      }));
    return { redriven: rows.length - failed.length, failed, remaining: 0 };
  }

  async redriveOldest(limit: number, before: number): Promise<RedriveAnswer> {
    const rows = await this.#query(oldestSql, [this.#access.name, before, limit]);
    const { redriven, failed } = await this.redrive(rows.map((row) => String(row['id'])));
    return { redriven, failed, remaining: Number(rows[0]?.['total'] ?? 0) - redriven };
  }

  async clean(ids: readonly string[], before: number): Promise<CleanAnswer> {
    const rows = await this.#query(removeSql, [this.#access.name, before, ids]);
    return { removed: rows.length, remaining: 0 };
  }

  async cleanOldest(limit: number, before: number): Promise<CleanAnswer> {
    const rows = await this.#query(oldestSql, [this.#access.name, before, limit]);
    const { removed } = await this.clean(
      rows.map((row) => String(row['id'])),
      before,
    );
    return { removed, remaining: Number(rows[0]?.['total'] ?? 0) - removed };
  }

  async #query(text: string, params: readonly unknown[]): Promise<Row[]> {
    return this.#access.run(async (pool) => (await pool.query(text, params)).rows);
  }
}

function toStored(row: Row): StoredDeadLetter {
  const fields = new StoredFields(row);
  return withDamage(
    {
      id: String(row['id']),
      failedAt: fields.time('finished_at_ms', 'failedAt') ?? 0,
      place: Number(row['finished_at_ms']),
      name: fields.text('name'),
      data: row['data'],
      reason: typeof row['failed_reason'] === 'string' ? row['failed_reason'] : '',
      stacks: row['stacktrace'],
      attemptsMade: fields.has('attempts_made') ? fields.count('attempts_made', 'attemptsMade') : 0,
      createdAt: fields.time('added_at_ms', 'createdAt') ?? 0,
    },
    fields,
  );
}

/** $1 queue, $2 and $3 the cursor, $4 rows, $5 bytes of data before the page is full. */
const listSql = `
  SELECT id, name, data, failed_reason, stacktrace, attempts_made, added_at_ms, finished_at_ms,
         sum(length(data::text)) OVER (ORDER BY finished_at_ms DESC, id COLLATE "C" DESC) <= $5::bigint AS fits
    FROM (
      SELECT * FROM job
       WHERE queue = $1 AND state = 'failed' AND (finished_at_ms, id COLLATE "C") < ($2::bigint, $3::text COLLATE "C")
       ORDER BY finished_at_ms DESC, id COLLATE "C" DESC LIMIT $4::int
    ) AS page
   ORDER BY finished_at_ms DESC, id COLLATE "C" DESC`;

/** $1 queue, $2 ids. */
const redriveSql = 'SELECT id, code FROM holdfast_redrive($1, $2::text[])';

/** $1 queue, $2 before, $3 how many. */
const oldestSql = `
  SELECT id, count(*) OVER () AS total
    FROM job
   WHERE queue = $1 AND state = 'failed' AND finished_at_ms < $2::bigint
   ORDER BY finished_at_ms, id COLLATE "C"
   LIMIT $3::int`;

/** $1 queue, $2 before, $3 ids. */
const removeSql = `
  SELECT id FROM holdfast_remove_finished($1, ARRAY(
    SELECT id FROM job
     WHERE queue = $1 AND state = 'failed' AND finished_at_ms < $2::bigint AND id = ANY ($3::text[])
  )) AS id`;
