import { openDurableFile, transact } from '@holdfast/redis-core/durable-file';
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { OutboxError } from '../errors.ts';
import type { AddJob } from '../producer.ts';
import type { NewOutboxEntry, OutboxEntry, SetAsideReason, Settlement } from './entry.ts';
import { outboxError } from './outbox-errors.ts';
import { schema, schemaVersion, statements, upgrades } from './outbox-schema.ts';

export interface OutboxTotals {
  /** Entries that wait to be forwarded. */
  waiting: number;
  setAside: number;
  /** Of all entries. */
  bytes: number;
}

/** What an entry takes beside its data: its columns, its indexes, and its share of half-empty pages. */
const overheadBytes = 300;
/** The file may be larger than its entries: pages that are not full, and room to note that an entry is done. */
const fileBytesPerByte = 2;
const spareFileBytes = 8 * 1024 * 1024;
/** 16 MiB. */
const shrinkAtPages = 4096;

/**
 * The file of the outbox: it belongs to this process alone, and what a call has changed has reached the disk when it
 * returns. Everything here is synchronous, for as long as the disk takes.
 */
export class OutboxFile {
  readonly path: string;
  readonly #database: DatabaseSync;
  readonly #statements: Readonly<Record<keyof typeof statements, StatementSync>>;
  #totals: OutboxTotals;

  /** @throws OutboxError when another process has it open, when it is damaged or cannot be written */
  constructor(path: string, maxBytes: number) {
    this.path = path;
    try {
      const database = openDurableFile({
        file: path,
        maxBytes: maxBytes * fileBytesPerByte + spareFileBytes,
        version: schemaVersion,
        schema,
        upgrades,
      });
      this.#database = database;
      this.#statements = Object.fromEntries(
        Object.entries(statements).map(([name, sql]) => [name, database.prepare(sql)]),
      ) as Record<keyof typeof statements, StatementSync>;
      this.#totals = this.#statements.totals.get() as unknown as OutboxTotals;
    } catch (error) {
      throw outboxError(error, path);
    }
  }

  /** Kept up to date by every call. */
  get totals(): Readonly<OutboxTotals> {
    return this.#totals;
  }

  /** What an entry will be counted as. */
  static bytesOf(body: string): number {
    return Buffer.byteLength(body) + overheadBytes;
  }

  /** @returns of each whether it is new: an entry of its queue and id that is there stays as it is */
  insert(entries: readonly NewOutboxEntry[]): boolean[] {
    const added = this.#change(() =>
      entries.map(({ queue, id, token, place = null, body, acceptedAt, laterMs = 0, sentAt = null }) => {
        const bytes = OutboxFile.bytesOf(body);
        const { changes } = this.#statements.insert.run(
          queue,
          id,
          token,
          place,
          body,
          bytes,
          acceptedAt,
          laterMs,
          sentAt,
        );
        return { isNew: changes === 1, bytes };
      }),
    );
    for (const { bytes } of added.filter(({ isNew }) => isNew)) {
      this.#totals.waiting += 1;
      this.#totals.bytes += bytes;
    }
    return added.map(({ isNew }) => isNew);
  }

  /** How many wait, by queue; the one with the oldest first. */
  waitingByQueue(): Map<string, number> {
    const rows = this.#guard(() => this.#statements.queues.all()) as unknown as { queue: string; waiting: number }[];
    return new Map(rows.map(({ queue, waiting }) => [queue, waiting]));
  }

  /** Those of a queue whose turn it is: at most `limit`, and no more than `maxBytes` beyond the first. */
  next(queue: string, limit: number, maxBytes: number): OutboxEntry[] {
    return this.#guard(() => {
      const batch: OutboxEntry[] = [];
      let bytes = 0;
      for (const row of this.#statements.next.iterate(queue, limit)) {
        bytes += Number(row['bytes']);
        if (batch.length > 0 && bytes > maxBytes) break;
        batch.push(toEntry(row));
      }
      return batch;
    });
  }

  /** When the oldest entry of a queue that waits was accepted. */
  oldest(queue: string): number | undefined {
    const row = this.#guard(() => this.#statements.oldest.get(queue));
    return row === undefined ? undefined : Number(row['accepted_at']);
  }

  find(queue: string, id: string): OutboxEntry | undefined {
    if (this.#totals.waiting + this.#totals.setAside === 0) return undefined;
    const row = this.#guard(() => this.#statements.find.get(queue, id));
    return row === undefined ? undefined : toEntry(row);
  }

  setAside(limit: number): OutboxEntry[] {
    return this.#guard(() => this.#statements.aside.all(limit).map((row) => toEntry(row)));
  }

  /** Notes that entries are about to be sent for the first time. @returns those that are still there to be sent */
  markSent(seqs: readonly number[], now: number): Set<number> {
    return new Set(this.#change(() => seqs.filter((seq) => this.#statements.sent.run(now, seq).changes === 1)));
  }

  /** @returns how many entries do not wait any more */
  settle({ forwarded, notSent, refused, setAside }: Settlement): number {
    const { remove, setAside: putAside } = this.#statements;
    const { removed, aside } = this.#change(() => {
      for (const seq of notSent) this.#statements.notSent.run(seq);
      for (const seq of refused) this.#statements.refused.run(seq);
      return {
        removed: forwarded.map((seq) => remove.get(seq)?.['bytes']).filter((bytes) => bytes !== undefined),
        aside: setAside.filter(({ seq, reason }) => putAside.run(JSON.stringify(reason), seq).changes === 1).length,
      };
    });
    this.#totals.waiting -= removed.length + aside;
    this.#totals.setAside += aside;
    this.#totals.bytes -= removed.reduce((sum: number, bytes) => sum + Number(bytes), 0);
    if (this.#totals.waiting + this.#totals.setAside === 0) this.#shrink();
    return removed.length + aside;
  }

  /** Lets what was set aside wait for its turn again, at its place, unless this is its code. @returns how many */
  takeUpExcept(code: string): number {
    return this.#changeMany(() => this.#statements.takeUpExcept.run(code));
  }

  /** The same for all, or one, of them; it is forgotten that they may be in the store. @returns how many */
  takeUp(seq?: number): number {
    const { takeUp, takeUpAll } = this.#statements;
    return this.#changeMany(() => (seq === undefined ? takeUpAll.run() : takeUp.run(seq)));
  }

  /** Forgets all that was set aside, or one entry of any kind. @returns how many */
  discard(seq?: number): number {
    const { discard, discardAll } = this.#statements;
    return this.#changeMany(() => (seq === undefined ? discardAll.run() : discard.run(seq)));
  }

  /** Releases the file. What is in it stays. May be called twice. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  /** Gives the room of what was removed back to the disk, once there is much of it and nothing left to copy. */
  #shrink(): void {
    const pages = this.#guard(() => this.#statements.pages.get()?.['page_count']);
    if (Number(pages) < shrinkAtPages) return;
    try {
      this.#database.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE);');
    } catch {
      // It stays as large as it is, and is used again.
    }
  }

  /** For what is rare: the totals are counted anew. */
  #changeMany(work: () => { readonly changes: number | bigint }): number {
    const { changes } = this.#change(work);
    this.#totals = this.#guard(() => this.#statements.totals.get()) as unknown as OutboxTotals;
    return Number(changes);
  }

  #change<Reply>(work: () => Reply): Reply {
    return this.#guard(() => transact(this.#database, work));
  }

  #guard<Reply>(work: () => Reply): Reply {
    if (!this.#database.isOpen) throw new OutboxError(`The outbox ${this.path} is closed.`);
    try {
      return work();
    } catch (error) {
      throw outboxError(error, this.path);
    }
  }
}

function toEntry(row: Record<string, SQLOutputValue>): OutboxEntry {
  const { sent_at: sentAt, place, reason } = row;
  return {
    seq: Number(row['seq']),
    queue: String(row['queue']),
    id: String(row['id']),
    token: String(row['token']),
    job: JSON.parse(String(row['body'])) as AddJob,
    acceptedAt: Number(row['accepted_at']),
    laterMs: Number(row['later_ms']),
    failures: Number(row['failures']),
    ...(typeof place === 'number' && { place }),
    ...(sentAt !== null && { sentAt: Number(sentAt) }),
    ...(typeof reason === 'string' && { reason: JSON.parse(reason) as SetAsideReason }),
  };
}
