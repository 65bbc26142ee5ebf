import { publishEvent } from '../job/channels.ts';
import { QueueBusyError, QueueUnavailableError } from '../job/errors.ts';
import { maxBatchBytes, maxPendingBytes, maxPendingJobs } from '../job/limits.ts';
import { namedPriorities, priorityNumber, type Priority } from '../job/priority.ts';
import type { Pending } from './batch-stats.ts';

export interface CoalescerOptions<Item, Stored> {
  readonly queue: string;
  /** Of one job. 1: every item becomes a job by itself, at once. */
  readonly maxItems: number;
  /** How long an item waits at most for others to come. */
  readonly maxWaitMs: number;
  /** Makes one job of items, the most urgent ones first. */
  readonly store: (items: readonly Item[], priority: number) => Promise<Stored>;
  /** Callers that may wait for their answer. */
  readonly maxPending?: number;
  /** Milliseconds, for tests. */
  readonly now?: () => number;
}

export interface CoalescedItem {
  readonly priority?: Priority;
  /** How many items it counts as. Default 1. */
  readonly count?: number;
  /** What it adds to the data of its job. */
  readonly bytes: number;
}

interface Waiting<Item, Stored> {
  readonly item: Item;
  readonly priority: number;
  readonly count: number;
  readonly bytes: number;
  readonly since: number;
  readonly answer: PromiseWithResolvers<Stored & { readonly items: number }>;
}

/** Jobs that are being stored at a time; while they are, items gather by priority. */
const maxUnderWay = 4;

/**
 * Makes one job of many items: of up to `maxItems`, as soon as there are so many or the oldest has waited `maxWaitMs`. A
 * caller is answered once the job with its item is stored, so a process that dies loses nothing but what it had not
 * acknowledged.
 */
export class Coalescer<Item, Stored extends object> {
  readonly #options: CoalescerOptions<Item, Stored>;
  readonly #now: () => number;
  #waiting: Waiting<Item, Stored>[] = [];
  #unanswered = 0;
  #unansweredBytes = 0;
  readonly #underWay = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: CoalescerOptions<Item, Stored>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  get pending(): Pending {
    return { batches: this.#underWay.size + (this.#waiting.length > 0 ? 1 : 0), jobs: this.#unanswered };
  }

  /**
   * @returns what `store` says of the job, and how many items it has
   * @throws what `store` throws; QueueBusyError when too many wait for their answer already
   */
  async add(item: Item, { priority = 'normal', count = 1, bytes }: CoalescedItem): Promise<Stored & { items: number }> {
    const { queue, maxPending = maxPendingJobs } = this.#options;
    if (this.#closed) throw new QueueUnavailableError(`The queue "${queue}" is closed.`);
    if (this.#unanswered >= maxPending || this.#unansweredBytes + bytes > maxPendingBytes) {
      throw new QueueBusyError(queue, this.#unanswered);
    }
    const answer = Promise.withResolvers<Stored & { items: number }>();
    const number = priorityNumber(priority) ?? namedPriorities.normal;
    this.#waiting.push({ item, priority: number, count, bytes, since: this.#now(), answer });
    this.#unanswered += 1;
    this.#unansweredBytes += bytes;
    this.#send();
    return answer.promise;
  }

  /** Stores everything that waits and resolves when everybody was answered; takes no more items. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#send();
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Sends what is due, and comes again when the next will be. */
  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#waiting.length > 0 && this.#underWay.size < maxUnderWay) {
      const dueInMs = this.#dueInMs();
      if (dueInMs > 0) {
        this.#timer = setTimeout(() => this.#send(), dueInMs);
        return;
      }
      this.#store(this.#takeBatch());
    }
  }

  #dueInMs(): number {
    const { maxItems, maxWaitMs } = this.#options;
    let count = 0;
    let bytes = 0;
    let oldest = Infinity;
    for (const entry of this.#waiting) {
      count += entry.count;
      bytes += entry.bytes;
      oldest = Math.min(oldest, entry.since);
    }
    if (this.#closed || count >= maxItems || bytes >= maxBatchBytes) return 0;
    return Math.max(0, Math.ceil(oldest + maxWaitMs - this.#now()));
  }

  /** The most urgent ones, as many as a job may have; those that came first, among equals. */
  #takeBatch(): Waiting<Item, Stored>[] {
    this.#waiting.sort((one, other) => one.priority - other.priority);
    let count = 0;
    let bytes = 0;
    let end = 0;
    for (const entry of this.#waiting) {
      count += entry.count;
      bytes += entry.bytes;
      // One that is too large by itself goes by itself.
      if (end > 0 && (count > this.#options.maxItems || bytes > maxBatchBytes)) break;
      end += 1;
    }
    return this.#waiting.splice(0, end);
  }

  #store(batch: readonly Waiting<Item, Stored>[]): void {
    const storing = this.#answer(batch).finally(() => {
      this.#underWay.delete(storing);
      this.#send();
    });
    this.#underWay.add(storing);
  }

  async #answer(batch: readonly Waiting<Item, Stored>[]): Promise<void> {
    const items = batch.reduce((sum, { count }) => sum + count, 0);
    const settle = (tell: (entry: Waiting<Item, Stored>) => void): void => {
      for (const entry of batch) {
        this.#unanswered -= 1;
        this.#unansweredBytes -= entry.bytes;
        tell(entry);
      }
    };
    try {
      const stored = await this.#options.store(
        batch.map(({ item }) => item),
        Math.min(...batch.map(({ priority }) => priority)),
      );
      publishEvent('holdfast:queue:coalesced', () => ({ queue: this.#options.queue, calls: batch.length, items }));
      settle(({ answer }) => answer.resolve({ ...stored, items }));
    } catch (error) {
      settle(({ answer }) => answer.reject(error));
    }
  }
}
