import { join } from 'node:path';
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { ServedFile } from '@holdfast/redis-core/disk';
import { openDurableFile, transact } from '@holdfast/redis-core/durable-file';
import { DiskRoom } from './disk-room.ts';
import { bytesOf, type InsertOutcome, type NewOutboxEntry, type Settlement, type StoredEntry } from './entry.ts';
import { schema, schemaVersion, statements, upgrades } from './outbox-schema.ts';

export interface OutboxTableOptions {
  /** What the data of its jobs may take. */
  readonly maxBytes: number;
  /** What must stay free on its disk. */
  readonly minFreeBytes: number;
}

/** What is known of an outbox without asking. */
export interface OutboxTotals {
  /** Entries that wait to be forwarded. */
  readonly waiting: number;
  readonly setAside: number;
  /** Of all entries. */
  readonly bytes: number;
  /** Bytes that may be written to the disk. */
  readonly room: number;
  /** Those queues for which entries wait. */
  readonly queues: ReadonlyMap<string, QueueTotals>;
}

export interface QueueTotals {
  readonly waiting: number;
  /** When the oldest of them was accepted. */
  readonly oldestAt: number;
}

/** The file may be larger than its entries: pages that are not full, and room to note that an entry is done. */
const fileBytesPerByte = 2;
const spareFileBytes = 8 * 1024 * 1024;
/** 16 MiB. */
const shrinkAtPages = 4096;

/** Opens the outbox of a folder, or makes it. */
export function open(directory: string, options: OutboxTableOptions): OutboxTable {
  return new OutboxTable(directory, options);
}

/**
 * The table of the outbox, as the process of the disk serves it: it belongs to this process alone, and what a call has
 * changed has reached the disk when it returns.
 */
export class OutboxTable implements ServedFile {
  readonly #database: DatabaseSync;
  readonly #room: DiskRoom;
  readonly #statements: Readonly<Record<keyof typeof statements, StatementSync>>;
  #sums = { setAside: 0, bytes: 0 };
  readonly #queues = new Map<string, QueueTotals>();
  readonly calls = {
    insert: (entries: readonly NewOutboxEntry[]): InsertOutcome[] => this.#insert(entries),
    next: (queue: string, limit: number, maxBytes: number): StoredEntry[] =>
      this.#first(this.#statements.next.iterate(queue, limit), maxBytes),
    find: (queue: string, id: string): StoredEntry | undefined => this.#find(queue, id),
    setAside: (limit: number, maxBytes: number): StoredEntry[] =>
      this.#first(this.#statements.aside.iterate(limit), maxBytes),
    markSent: (seqs: readonly number[], now: number): number[] =>
      this.#change(() => seqs.filter((seq) => this.#statements.sent.run(now, seq).changes === 1)),
    settle: (queue: string, settlement: Settlement): void => this.#settle(queue, settlement),
    takeUpExcept: (code: string): number => this.#changeMany(() => this.#statements.takeUpExcept.run(code)),
    takeUp: (seq?: number): number =>
      this.#changeMany(() => (seq === undefined ? this.#statements.takeUpAll.run() : this.#statements.takeUp.run(seq))),
    discard: (seq?: number): number =>
      this.#changeMany(() =>
        seq === undefined ? this.#statements.discardAll.run() : this.#statements.discard.run(seq),
      ),
  };

  /** @throws what SQLite or the file system says */
  constructor(directory: string, { maxBytes, minFreeBytes }: OutboxTableOptions) {
    const database = openDurableFile({
      file: join(directory, 'outbox.db'),
      maxBytes: maxBytes * fileBytesPerByte + spareFileBytes,
      version: schemaVersion,
      schema,
      upgrades,
    });
    this.#database = database;
    this.#room = new DiskRoom(directory, minFreeBytes);
    this.#statements = Object.fromEntries(
      Object.entries(statements).map(([name, sql]) => [name, database.prepare(sql)]),
    ) as Record<keyof typeof statements, StatementSync>;
    this.#recount();
  }

  totals(): OutboxTotals {
    const queues = this.#queues;
    const waiting = [...queues.values()].reduce((sum, one) => sum + one.waiting, 0);
    return { ...this.#sums, waiting, room: this.#roomLeft(), queues };
  }

  /** @throws also where its disk has no room: what it takes to note that jobs are done is left to those */
  prove(): void {
    if (this.#room.left() <= 0) throw Object.assign(new Error('There is no room.'), { errcode: fullCode });
    this.#change(() => this.#database.exec(`PRAGMA user_version = ${schemaVersion}`));
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #insert(entries: readonly NewOutboxEntry[]): InsertOutcome[] {
    const left = this.#room.left();
    let bytes = 0;
    const outcomes = this.#change(() =>
      entries.map((entry): InsertOutcome => {
        const { queue, id, token, place = null, body, acceptedAt, laterMs = 0, sentAt = null } = entry;
        const size = bytesOf(body);
        if (bytes + size > left) return this.#statements.find.get(queue, id) === undefined ? 'no-room' : 'known';
        const { insert } = this.#statements;
        const { changes } = insert.run(queue, id, token, place, body, size, acceptedAt, laterMs, sentAt);
        if (changes !== 1) return 'known';
        bytes += size;
        return 'stored';
      }),
    );
    this.#room.wrote(bytes);
    this.#sums.bytes += bytes;
    for (const [index, { queue, acceptedAt }] of entries.entries()) {
      if (outcomes[index] !== 'stored') continue;
      const { waiting, oldestAt } = this.#queues.get(queue) ?? { waiting: 0, oldestAt: acceptedAt };
      this.#queues.set(queue, { waiting: waiting + 1, oldestAt });
    }
    return outcomes;
  }

  /** None where the file system cannot be asked. */
  #roomLeft(): number {
    try {
      return this.#room.left();
    } catch {
      return 0;
    }
  }

  /** As many as are in `maxBytes`, and at least one. */
  #first(rows: Iterable<Record<string, SQLOutputValue>>, maxBytes: number): StoredEntry[] {
    const entries: StoredEntry[] = [];
    let bytes = 0;
    for (const row of rows) {
      bytes += Number(row['bytes']);
      if (entries.length > 0 && bytes > maxBytes) break;
      entries.push(toStored(row));
    }
    return entries;
  }

  #find(queue: string, id: string): StoredEntry | undefined {
    const row = this.#statements.find.get(queue, id);
    return row === undefined ? undefined : toStored(row);
  }

  #settle(queue: string, { forwarded, notSent, refused, setAside }: Settlement): void {
    const { remove, setAside: putAside } = this.#statements;
    const { removed, aside } = this.#change(() => {
      for (const seq of notSent) this.#statements.notSent.run(seq);
      for (const seq of refused) this.#statements.refused.run(seq);
      return {
        removed: forwarded.map((seq) => remove.get(seq)?.['bytes']).filter((bytes) => bytes !== undefined),
        aside: setAside.filter(({ seq, reason }) => putAside.run(JSON.stringify(reason), seq).changes === 1).length,
      };
    });
    this.#sums.setAside += aside;
    this.#sums.bytes -= removed.reduce((sum: number, bytes) => sum + Number(bytes), 0);
    this.#left(queue, removed.length + aside);
    if (this.#queues.size === 0 && this.#sums.setAside === 0) this.#shrink();
  }

  /** Entries of a queue do not wait any more. */
  #left(queue: string, count: number): void {
    const waiting = (this.#queues.get(queue)?.waiting ?? 0) - count;
    const oldestAt = this.#statements.oldest.get(queue)?.['accepted_at'];
    if (waiting > 0 && oldestAt !== undefined) this.#queues.set(queue, { waiting, oldestAt: Number(oldestAt) });
    else this.#queues.delete(queue);
  }

  /** Gives the room of what was removed back to the disk, once there is much of it and nothing left to copy. */
  #shrink(): void {
    if (Number(this.#statements.pages.get()?.['page_count']) < shrinkAtPages) return;
    try {
      this.#database.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE);');
    } catch {
      // It stays as large as it is, and is used again.
    }
  }

  /** For what is rare: all is counted anew. @returns how many rows it has changed */
  #changeMany(work: () => { readonly changes: number | bigint }): number {
    const { changes } = this.#change(work);
    this.#recount();
    return Number(changes);
  }

  #change<Reply>(work: () => Reply): Reply {
    return transact(this.#database, work);
  }

  #recount(): void {
    const { setAside = 0, bytes = 0 } = this.#statements.totals.get() ?? {};
    this.#sums = { setAside: Number(setAside), bytes: Number(bytes) };
    this.#queues.clear();
    for (const { queue, waiting } of this.#statements.queues.all()) {
      const oldestAt = Number(this.#statements.oldest.get(String(queue))?.['accepted_at']);
      this.#queues.set(String(queue), { waiting: Number(waiting), oldestAt });
    }
  }
}

/** What SQLite says where there is no room. */
const fullCode = 13;

function toStored(row: Record<string, SQLOutputValue>): StoredEntry {
  const { sent_at: sentAt, place, reason } = row;
  return {
    seq: Number(row['seq']),
    queue: String(row['queue']),
    id: String(row['id']),
    token: String(row['token']),
    body: String(row['body']),
    acceptedAt: Number(row['accepted_at']),
    laterMs: Number(row['later_ms']),
    failures: Number(row['failures']),
    ...(typeof place === 'number' && { place }),
    ...(sentAt !== null && { sentAt: Number(sentAt) }),
    ...(typeof reason === 'string' && { reason }),
  };
}
