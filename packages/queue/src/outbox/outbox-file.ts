import { extname } from 'node:path';
import { type DiskFile, type DiskFolder } from '@holdfast/redis-core/disk';
import type { AddJob } from '../producing/add-job.ts';
import type { InsertOutcome, NewOutboxEntry, OutboxEntry, SetAsideReason, Settlement, StoredEntry } from './entry.ts';
import { outboxError } from './outbox-errors.ts';
import type { OutboxTable, OutboxTableOptions, OutboxTotals, QueueTotals } from './outbox-table.ts';

const noTotals: OutboxTotals = { waiting: 0, setAside: 0, bytes: 0, room: 0, queues: new Map() };
const nothingWaits: QueueTotals = { waiting: 0, oldestAt: 0 };
/** Of what was set aside, that one reply brings. */
const maxReplyBytes = 8 * 1024 * 1024;

/** Resolves also where the folder cannot be used for now. */
export async function openOutboxFile(folder: DiskFolder, options: OutboxTableOptions): Promise<OutboxFile> {
  const module = new URL(`./outbox-table${extname(import.meta.url)}`, import.meta.url);
  return new OutboxFile(await folder.open<OutboxTable>({ name: 'outbox.db', module, options }));
}

/** The table, as the process of the disk serves it. */
export type ServedTable = Pick<DiskFile<OutboxTable>, 'path' | 'fault' | 'totals' | 'call' | 'onOpen'>;

/**
 * The file of the outbox, which the process of the disk keeps open: what a call has changed has reached the disk when it
 * resolves. Each rejects within the deadline of the folder: with OutboxError when nothing was done, and with
 * OutboxUnknownError when that is not known.
 */
export class OutboxFile {
  readonly #file: ServedTable;

  constructor(file: ServedTable) {
    this.#file = file;
  }

  get path(): string {
    return this.#file.path;
  }

  /** Whether it was open since the start. */
  get isKnown(): boolean {
    return this.#file.totals !== undefined;
  }

  /** As the last reply told. */
  get totals(): OutboxTotals {
    return this.#file.totals ?? noTotals;
  }

  totalsOf(queue: string): QueueTotals {
    return this.totals.queues.get(queue) ?? nothingWaits;
  }

  /** Why it cannot be used now, if so. */
  get fault(): Error | undefined {
    const { fault } = this.#file;
    return fault && outboxError(fault, this.path);
  }

  /** Has it told each time that the file was opened: more may wait than was known. */
  onOpen(listener: () => void): () => void {
    return this.#file.onOpen(listener);
  }

  /** Of each what became of it; one of its queue and id that is there stays as it is. */
  async insert(entries: readonly NewOutboxEntry[], since: number): Promise<InsertOutcome[]> {
    return this.#guard(async () => this.#file.call('insert', [entries], { since }));
  }

  /** Those of a queue whose turn it is: at most `limit`, and no more than `maxBytes` beyond the first. */
  async next(queue: string, limit: number, maxBytes: number): Promise<OutboxEntry[]> {
    return (await this.#guard(async () => this.#file.call('next', [queue, limit, maxBytes]))).map(toEntry);
  }

  async find(queue: string, id: string): Promise<OutboxEntry | undefined> {
    const stored = await this.#guard(async () => this.#file.call('find', [queue, id]));
    return stored && toEntry(stored);
  }

  /** The oldest ones: at most `limit`, and no more than 8 MiB. */
  async setAside(limit: number): Promise<OutboxEntry[]> {
    return (await this.#guard(async () => this.#file.call('setAside', [limit, maxReplyBytes]))).map(toEntry);
  }

  /** Notes that entries are about to be sent for the first time. @returns those that are still there to be sent */
  async markSent(seqs: readonly number[], now: number): Promise<Set<number>> {
    return new Set(await this.#guard(async () => this.#file.call('markSent', [seqs, now])));
  }

  async settle(queue: string, settlement: Settlement): Promise<void> {
    return this.#guard(async () => this.#file.call('settle', [queue, settlement]));
  }

  /** Lets what was set aside wait for its turn again, at its place, unless this is its code. @returns how many */
  async takeUpExcept(code: string): Promise<number> {
    return this.#guard(async () => this.#file.call('takeUpExcept', [code]));
  }

  /** The same for all, or one, of them; it is forgotten that they may be in the store. @returns how many */
  async takeUp(seq?: number): Promise<number> {
    return this.#guard(async () => this.#file.call('takeUp', [seq]));
  }

  /** Forgets all that was set aside, or one entry of any kind. @returns how many */
  async discard(seq?: number): Promise<number> {
    return this.#guard(async () => this.#file.call('discard', [seq]));
  }

  async #guard<Reply>(work: () => Promise<Reply>): Promise<Reply> {
    try {
      return await work();
    } catch (error) {
      throw outboxError(error, this.path);
    }
  }
}

function toEntry({ body, reason, ...stored }: StoredEntry): OutboxEntry {
  return {
    ...stored,
    job: JSON.parse(body) as AddJob,
    ...(reason !== undefined && { reason: JSON.parse(reason) as SetAsideReason }),
  };
}
