import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { openDurableFile, transact } from './durable-file.ts';
import { journalError, JournalError } from './journal-errors.ts';
import { checkOptions, type OptionRules, text, wholeNumber } from './option-rules.ts';

export { JournalError } from './journal-errors.ts';

export interface JournalOptions {
  /** The SQLite file; its directory is made where it is missing. On a volume that outlives the process. */
  readonly file: string;
  /** More entries of one area than this become a single one for the whole area. Default 10 000. */
  readonly maxPerArea?: number;
  /** What the file may take. Default 64 MiB. */
  readonly maxBytes?: number;
}

/** Something that has to be invalidated in Redis as soon as it is back. */
export interface Invalidation {
  /** What it belongs to, and what overflows by itself: a namespace. */
  readonly area: string;
  /** What `value` names; for `all` it is the empty string. */
  readonly kind: 'key' | 'tag' | 'prefix' | 'all';
  readonly value: string;
  /** `delete`: must not be served again. `expire`: stale from now on. Of two for the same, `delete` wins. */
  readonly mode: 'delete' | 'expire';
}

export interface JournalEntry extends Invalidation {
  /** Grows with each append; what is appended again gets a new one. */
  readonly id: number;
}

const rules: OptionRules<JournalOptions> = {
  file: text,
  maxPerArea: wholeNumber(1),
  maxBytes: wholeNumber(1),
};

const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE invalidation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    area TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    mode TEXT NOT NULL,
    UNIQUE (area, kind, value)
  ) STRICT;
`;

/**
 * Opens the journal, or makes it.
 * @throws OptionInvalidError naming the option that is not allowed
 * @throws JournalError when another process has it open, when it is damaged, or when the file cannot be written
 */
export function openJournal(options: JournalOptions): Journal {
  return new Journal(options);
}

/**
 * Invalidations that could not reach Redis, kept on disk until they can: `append` returns after they would survive the
 * death of the process (and, as far as the disk is honest, of the machine). It holds the newest of each thing only, and
 * so much that the order between different things does not matter: all are invalidations, and applying one twice, or
 * more than was asked for, costs a cache miss.
 *
 * To apply: `read`, invalidate in Redis, `remove` by id. What is appended anew meanwhile has another id and stays.
 */
export class Journal {
  readonly #database: DatabaseSync;
  readonly #file: string;
  readonly #maxPerArea: number;
  readonly #statements: Record<
    'upsert' | 'replace' | 'count' | 'total' | 'worst' | 'clear' | 'all' | 'read' | 'remove',
    StatementSync
  >;

  constructor(options: JournalOptions) {
    checkOptions('openJournal', options, rules);
    this.#file = options.file;
    this.#maxPerArea = options.maxPerArea ?? 10_000;
    try {
      this.#database = openDurableFile({
        file: options.file,
        maxBytes: options.maxBytes ?? 64 * 1024 * 1024,
        version: SCHEMA_VERSION,
        schema: SCHEMA,
      });
    } catch (error) {
      throw journalError(error, options.file);
    }
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#statements = {
      // A new row, so that its id is new; the mode of a row that was there is looked at first.
      upsert: prepare(`
        INSERT OR REPLACE INTO invalidation (area, kind, value, mode) VALUES (:area, :kind, :value,
          CASE WHEN :mode = 'delete' OR EXISTS (
            SELECT 1 FROM invalidation WHERE area = :area AND kind = :kind AND value = :value AND mode = 'delete'
          ) THEN 'delete' ELSE 'expire' END)`),
      replace: prepare(`INSERT OR REPLACE INTO invalidation (area, kind, value, mode) VALUES (?, 'all', '', ?)`),
      count: prepare('SELECT count(*) AS n FROM invalidation WHERE area = ?'),
      total: prepare('SELECT count(*) AS n FROM invalidation'),
      worst: prepare(`SELECT max(mode = 'delete') AS deletes FROM invalidation WHERE area = ?`),
      clear: prepare(
        `DELETE FROM invalidation WHERE area = :area AND kind <> 'all' AND (:mode = 'delete' OR mode = 'expire')`,
      ),
      all: prepare(`SELECT mode FROM invalidation WHERE area = ? AND kind = 'all' AND value = ''`),
      read: prepare('SELECT id, area, kind, value, mode FROM invalidation WHERE id > ? ORDER BY id LIMIT ?'),
      remove: prepare('DELETE FROM invalidation WHERE id = ?'),
    };
  }

  /** Notes invalidations, all or none, and returns when they are on disk. @throws JournalError when that cannot be */
  append(...list: readonly Invalidation[]): void {
    if (list.length === 0) return;
    const areas = new Set(list.map(({ area }) => area));
    try {
      this.#transact(() => {
        for (const invalidation of list) this.#note(invalidation);
        for (const area of areas) {
          if (numberIn(this.#statements.count.get(area)) > this.#maxPerArea) this.#collapse(area);
        }
      });
    } catch (error) {
      if (!(error instanceof JournalError && error.isFull)) throw error;
      // One entry for all takes less room than those it covers. On a disk that is full this fails as well.
      this.#transact(() => {
        for (const area of areas) this.#collapse(area, 'delete');
      });
    }
  }

  /** How many entries wait to be applied. */
  pending(): number {
    return this.#guard(() => numberIn(this.#statements.total.get()));
  }

  /** The oldest entries, at most `limit`; with `after` those that follow that id. */
  read(limit: number, after = 0): JournalEntry[] {
    return this.#guard(() => this.#statements.read.all(after, limit) as unknown as JournalEntry[]);
  }

  /** Forgets entries that were applied. */
  remove(ids: readonly number[]): void {
    if (ids.length === 0) return;
    this.#transact(() => {
      for (const id of ids) this.#statements.remove.run(id);
    });
  }

  /** Releases the file. What is in it stays. May be called twice. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #note({ area, kind, value, mode }: Invalidation): void {
    const all = this.#statements.all.get(area)?.['mode'];
    if (all === 'delete' || (all === 'expire' && mode === 'expire')) {
      // Covered by what is noted for the whole area. That may be being applied right now, so it is noted anew.
      this.#statements.replace.run(area, all);
      return;
    }
    this.#statements.upsert.run({ area, kind, value, mode });
    if (kind === 'all') this.#statements.clear.run({ area, mode });
  }

  /** Everything of an area becomes one entry that covers it. */
  #collapse(area: string, least?: 'delete'): void {
    const mode = least ?? (this.#statements.worst.get(area)?.['deletes'] === 1 ? 'delete' : 'expire');
    this.#statements.clear.run({ area, mode: 'delete' });
    this.#statements.replace.run(area, mode);
  }

  #transact(work: () => void): void {
    this.#guard(() => transact(this.#database, work));
  }

  #guard<Reply>(work: () => Reply): Reply {
    if (!this.#database.isOpen) throw new JournalError(`The journal ${this.#file} is closed.`);
    try {
      return work();
    } catch (error) {
      throw journalError(error, this.#file);
    }
  }
}

function numberIn(row: Record<string, SQLOutputValue> | undefined): number {
  return Number(row?.['n'] ?? 0);
}
