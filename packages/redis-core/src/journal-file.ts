import { join } from 'node:path';
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { ServedFile } from './disk/served-file.ts';
import { openDurableFile, sqliteCode, transact } from './durable-file.ts';
import type { Invalidation, JournalEntry } from './invalidation-entry.ts';

export interface JournalFileOptions {
  readonly maxPerArea: number;
  readonly maxBytes: number;
}

/** What is known of a journal without asking. */
export interface JournalTotals {
  /** Entries that wait to be applied. */
  readonly pending: number;
}

const SQLITE_FULL = 13;
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

/** Opens the journal of a folder, or makes it. */
export function open(directory: string, options: JournalFileOptions): JournalFile {
  return new JournalFile(join(directory, 'journal.db'), options);
}

type Row = Readonly<Record<string, SQLOutputValue>>;

/** The file of a `Journal`, as the process of the disk serves it: what a call has noted is on disk when it returns. */
export class JournalFile implements ServedFile {
  readonly #database: DatabaseSync;
  readonly #maxPerArea: number;
  readonly #statements: Record<'hold' | 'mode' | 'counts' | 'worst' | 'clear' | 'read' | 'remove', StatementSync>;
  /** How many entries there are of each area, and of all of them: to count them takes longer than to note one. */
  readonly #counts = new Map<string, number>();
  #pending = 0;
  readonly calls = {
    append: (list: readonly Invalidation[]): void => this.append(list),
    read: (limit: number, after: number): JournalEntry[] => this.read(limit, after),
    remove: (ids: readonly number[]): void => this.remove(ids),
  };

  /** @throws what SQLite or the file system says */
  constructor(file: string, { maxPerArea, maxBytes }: JournalFileOptions) {
    this.#maxPerArea = maxPerArea;
    this.#database = openDurableFile({ file, maxBytes, version: SCHEMA_VERSION, schema: SCHEMA });
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#statements = {
      // A new row, so that its id is new.
      hold: prepare('INSERT OR REPLACE INTO invalidation (area, kind, value, mode) VALUES (?, ?, ?, ?)'),
      mode: prepare('SELECT mode FROM invalidation WHERE area = ? AND kind = ? AND value = ?'),
      counts: prepare('SELECT area, count(*) AS n FROM invalidation GROUP BY area'),
      worst: prepare(`SELECT max(mode = 'delete') AS deletes FROM invalidation WHERE area = ?`),
      clear: prepare(
        `DELETE FROM invalidation WHERE area = :area AND kind <> 'all' AND (:mode = 'delete' OR mode = 'expire')`,
      ),
      read: prepare('SELECT id, area, kind, value, mode FROM invalidation WHERE id > ? ORDER BY id LIMIT ?'),
      remove: prepare('DELETE FROM invalidation WHERE id = ? RETURNING area'),
    };
    this.#recount();
  }

  totals(): JournalTotals {
    return { pending: this.#pending };
  }

  /** Notes invalidations, all or none. Where there is no room for them, their whole areas: that takes less. */
  append(list: readonly Invalidation[]): void {
    const areas = new Set(list.map(({ area }) => area));
    try {
      this.#transact(() => {
        for (const invalidation of list) this.#note(invalidation);
        for (const area of areas) if ((this.#counts.get(area) ?? 0) > this.#maxPerArea) this.#collapse(area);
      });
    } catch (error) {
      if (sqliteCode(error) !== SQLITE_FULL) throw error;
      // On a disk that is full this fails as well.
      this.#transact(() => {
        for (const area of areas) this.#collapse(area, 'delete');
      });
    }
  }

  /** The oldest entries, at most `limit`, that follow the id `after`. */
  read(limit: number, after = 0): JournalEntry[] {
    return this.#statements.read.all(after, limit) as unknown as JournalEntry[];
  }

  /** Forgets entries that were applied. */
  remove(ids: readonly number[]): void {
    this.#transact(() => {
      for (const id of ids) {
        const area = this.#statements.remove.get(id)?.['area'];
        if (area !== undefined) this.#count(String(area), -1);
      }
    });
  }

  prove(): void {
    transact(this.#database, () => this.#database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`));
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #note({ area, kind, value, mode }: Invalidation): void {
    const all = this.#modeOf(area, 'all', '');
    if (all === 'delete' || (all === 'expire' && mode === 'expire')) {
      // Covered by what is noted for the whole area. That may be being applied right now, so it is noted anew.
      this.#hold(area, 'all', '', all);
      return;
    }
    this.#hold(area, kind, value, this.#modeOf(area, kind, value) === 'delete' ? 'delete' : mode);
    if (kind === 'all') this.#clear(area, mode);
  }

  /** Everything of an area becomes one entry that covers it. */
  #collapse(area: string, least?: 'delete'): void {
    const mode = least ?? (this.#statements.worst.get(area)?.['deletes'] === 1 ? 'delete' : 'expire');
    this.#clear(area, 'delete');
    this.#hold(area, 'all', '', mode);
  }

  #hold(area: string, kind: Invalidation['kind'], value: string, mode: Invalidation['mode']): void {
    if (this.#modeOf(area, kind, value) === undefined) this.#count(area, 1);
    this.#statements.hold.run(area, kind, value, mode);
  }

  #modeOf(area: string, kind: Invalidation['kind'], value: string): Invalidation['mode'] | undefined {
    return this.#statements.mode.get(area, kind, value)?.['mode'] as Invalidation['mode'] | undefined;
  }

  #clear(area: string, mode: Invalidation['mode']): void {
    this.#count(area, -Number(this.#statements.clear.run({ area, mode }).changes));
  }

  #transact(work: () => void): void {
    try {
      transact(this.#database, work);
    } catch (error) {
      this.#recount();
      throw error;
    }
  }

  #count(area: string, more: number): void {
    const count = (this.#counts.get(area) ?? 0) + more;
    if (count === 0) this.#counts.delete(area);
    else this.#counts.set(area, count);
    this.#pending += more;
  }

  #recount(): void {
    this.#counts.clear();
    this.#pending = 0;
    for (const { area, n } of this.#statements.counts.all() as readonly Row[]) this.#count(String(area), Number(n));
  }
}
