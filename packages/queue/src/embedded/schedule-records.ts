import type { EmbeddedQueueAccess } from './queue-access.ts';
import {
  isScheduleRecord,
  type DeclaredText,
  type ScheduleRecord,
  type ScheduleRecords,
} from '../port/schedule-records.ts';

/** Created at each start, beside the tables of BullMQ. */
export const scheduleRecordsTable = `
  CREATE TABLE IF NOT EXISTS holdfast_schedule (
    queue text NOT NULL,
    id text NOT NULL,
    record jsonb NOT NULL,
    PRIMARY KEY (queue, id)
  )`;

/** In a table beside those of BullMQ. */
export class EmbeddedScheduleRecords implements ScheduleRecords {
  readonly #access: EmbeddedQueueAccess;

  constructor(access: EmbeddedQueueAccess) {
    this.#access = access;
  }

  async all(): Promise<ReadonlyMap<string, ScheduleRecord>> {
    const rows = await this.#query('SELECT id, record FROM holdfast_schedule WHERE queue = $1');
    return new Map(
      rows.flatMap(({ id, record }): [string, ScheduleRecord][] =>
        isScheduleRecord(record) ? [[String(id), record]] : [],
      ),
    );
  }

  async get(id: string): Promise<ScheduleRecord | undefined> {
    const rows = await this.#query('SELECT record FROM holdfast_schedule WHERE queue = $1 AND id = $2', id);
    const record = rows[0]?.['record'];
    return isScheduleRecord(record) ? record : undefined;
  }

  async set(id: string, record: ScheduleRecord): Promise<void> {
    const sql = `INSERT INTO holdfast_schedule (queue, id, record) VALUES ($1, $2, $3::jsonb)
      ON CONFLICT (queue, id) DO UPDATE SET record = EXCLUDED.record`;
    await this.#change(sql, id, JSON.stringify(record));
  }

  async delete(id: string): Promise<void> {
    await this.#change('DELETE FROM holdfast_schedule WHERE queue = $1 AND id = $2', id);
  }

  async #change(sql: string, ...values: readonly string[]): Promise<void> {
    await this.#access.change((pool) => pool.query(sql, [this.#access.name, ...values]));
  }

  /** Nobody else declares anything on the folder of this process, and what another one did before is older: nothing is kept. */
  async declared(): Promise<DeclaredText> {
    return { now: Date.now(), text: '', aliveUntil: 0 };
  }

  async declare(): Promise<boolean> {
    return true;
  }

  async keepDeclared(): Promise<void> {
    // See `declared`.
  }

  async #query(sql: string, ...values: readonly string[]): Promise<Record<string, unknown>[]> {
    return this.#access.run(async (pool) => (await pool.query(sql, [this.#access.name, ...values])).rows);
  }
}
