import { openDurableFile, transact } from '@holdfast/redis-core/durable-file';
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import { OutboxError } from '../errors.ts';
import type { AddJob } from '../producer.ts';
import type { NewOutboxEntry, OutboxEntry, SetAsideReason, Settlement } from './entry.ts';
import { outboxError } from './outbox-errors.ts';
import { schema, schemaVersion, statements } from './outbox-schema.ts';

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
  readonly #totals: OutboxTotals;

  /** @throws OutboxError when another process has it open, when it is damaged or cannot be written */
  constructor(path: string, maxBytes: number) {
    this.path = path;
    try {
      const database = openDurableFile({
        file: path,
        maxBytes: maxBytes * fileBytesPerByte + spareFileBytes,
        version: schemaVersion,
        schema,
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
  insert(entries: readonly { readonly entry: NewOutboxEntry; readonly body: string }[]): boolean[] {
    const added = this.#change(() =>
      entries.map(({ entry: { queue, id, token, acceptedAt, sentAt = null }, body }) => {
        const bytes = OutboxFile.bytesOf(body);
        const { changes } = this.#statements.insert.run(queue, id, token, body, bytes, acceptedAt, sentAt);
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

  /** Forgets an entry that waits and was never sent. */
  withdraw(seq: number): void {
    const bytes = this.#change(() => Number(this.#statements.remove.get(seq)?.['bytes'] ?? 0));
    this.#totals.waiting -= 1;
    this.#totals.bytes -= bytes;
  }

  settle({ forwarded, notSent, refused, setAside }: Settlement): void {
    const removed = this.#change(() => {
      for (const seq of notSent) this.#statements.notSent.run(seq);
      for (const seq of refused) this.#statements.refused.run(seq);
      for (const { seq, reason } of setAside) this.#statements.setAside.run(JSON.stringify(reason), seq);
      return forwarded.map((seq) => Number(this.#statements.remove.get(seq)?.['bytes'] ?? 0));
    });
    this.#totals.waiting -= forwarded.length + setAside.length;
    this.#totals.setAside += setAside.length;
    this.#totals.bytes -= removed.reduce((sum, bytes) => sum + bytes, 0);
    if (this.#totals.waiting + this.#totals.setAside === 0) this.#shrink();
  }

  /**
   * Lets entries that were set aside wait for their turn again. They keep their place. `anew`: it is forgotten that they
   * may be in the store.
   */
  takeUp(seqs: readonly number[], { anew }: { readonly anew: boolean }): void {
    const statement = anew ? this.#statements.takeUpAnew : this.#statements.takeUp;
    this.#change(() => {
      for (const seq of seqs) statement.run(seq);
    });
    this.#totals.waiting += seqs.length;
    this.#totals.setAside -= seqs.length;
  }

  /** Forgets entries that were set aside. */
  discard(seqs: readonly number[]): void {
    const bytes = this.#change(() => seqs.map((seq) => Number(this.#statements.remove.get(seq)?.['bytes'] ?? 0)));
    this.#totals.setAside -= seqs.length;
    this.#totals.bytes -= bytes.reduce((sum, one) => sum + one, 0);
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
  const { sent_at: sentAt, reason } = row;
  return {
    seq: Number(row['seq']),
    queue: String(row['queue']),
    id: String(row['id']),
    token: String(row['token']),
    job: JSON.parse(String(row['body'])) as AddJob,
    acceptedAt: Number(row['accepted_at']),
    failures: Number(row['failures']),
    ...(sentAt !== null && { sentAt: Number(sentAt) }),
    ...(typeof reason === 'string' && { reason: JSON.parse(reason) as SetAsideReason }),
  };
}
