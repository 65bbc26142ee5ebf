import { UnavailableError, type Keys, type RedisEngine } from '@holdfast/redis-core';
import { accessFlush, accessTop, MAX_KEYS_PER_FLUSH, MAX_KEYS_PER_RECENCY_FLUSH } from './access-scripts.ts';
import { publishAccessFlush } from './channels.ts';

export interface AccessTrackerOptions {
  readonly engine: RedisEngine;
  readonly keys: Keys;
  /** Between two flushes. Default 5 seconds. */
  readonly flushIntervalMs?: number;
  /** How many different keys, over all namespaces, are counted in this process until the next flush. Default 10 000. */
  readonly maxPending?: number;
  /** How many keys of a namespace Redis remembers: those that were read most. Default 10 000. */
  readonly maxRemembered?: number;
  /** Whether a namespace evicts what was used longest ago, so that a read must also count as a use there. */
  readonly keepsRecency?: (namespace: string) => boolean;
  /** Of the keys of entries, and that of their namespace's tags, those that Redis is never asked for (`L1Cache.heldOf`). */
  readonly heldOf?: (entries: readonly string[], tagsKey: string) => readonly string[];
  /** Milliseconds since the epoch. Default: the server's clock, as the engine knows it. */
  readonly now?: () => number;
}

export interface AccessCount {
  readonly key: string;
  /** Reads by all processes, since Redis remembers the key. */
  readonly hits: number;
  /** ISO 8601. */
  readonly lastAccess: string;
}

interface Pending {
  hits: number;
  last: number;
}

/** After so long without any read, what Redis remembers of a namespace goes. */
const REMEMBER_MS = 30 * 24 * 60 * 60 * 1000;
const MAX_TOP = 1000;

/**
 * Counts reads in the process and writes them once per interval, one command per 1,000 different keys (150 where a
 * namespace evicts by use, as its sets are large). `hit` is all that happens on the path of a read: it never waits and never throws.
 *
 * What L1 holds Redis is never asked for, and would evict first: it is touched in the same round trip, with one command a batch.
 *
 * The counts are good to tell hot keys from cold ones, not to bill by:
 * - a process that is killed loses what it counted since its last flush (`close` loses nothing);
 * - beyond `maxPending` different keys between two flushes further new keys are not counted (`dropped` says how often);
 * - while Redis is away counts are kept, within that bound; of a flush whose outcome is unknown they are given up, as
 *   adding them again could count them twice;
 * - a key that left the `maxRemembered` most read ones starts again from zero.
 */
export class AccessTracker {
  readonly #options: AccessTrackerOptions;
  readonly #now: () => number;
  readonly #maxPending: number;
  #pending = new Map<string, Map<string, Pending>>();
  #pendingKeys = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #closed = false;

  constructor(options: AccessTrackerOptions) {
    this.#options = options;
    this.#now = options.now ?? ((): number => options.engine.now());
    this.#maxPending = options.maxPending ?? 10_000;
  }

  /** Reads that were not counted, because too many different keys were read between two flushes or Redis was away. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Different keys that wait for the next flush. */
  get pending(): number {
    return this.#pendingKeys;
  }

  /** Counts reads of one key. */
  hit(namespace: string, key: string, hits = 1): void {
    this.#add(namespace, key, hits, this.#now());
    this.#schedule();
  }

  /** Writes what was counted. Never rejects; calls that overlap share one flush, and then one more for what came since. */
  async flush(): Promise<void> {
    await this.#flushing;
    if (this.#flushing === undefined && this.#pendingKeys > 0) {
      this.#flushing = this.#write().finally(() => {
        this.#flushing = undefined;
        this.#schedule();
      });
    }
    await this.#flushing;
  }

  /** The keys of a namespace that were read most, up to 1,000. One command. */
  async top(namespace: string, limit = 10): Promise<AccessCount[]> {
    const { engine, keys } = this.#options;
    const count = Math.min(Math.max(1, Math.trunc(limit)), MAX_TOP);
    const sets = [keys.access(namespace, 'hits'), keys.access(namespace, 'last')];
    const reply = await engine.run(accessTop, sets, [String(count)]);
    return Array.from({ length: reply.length / 3 }, (_, index) => ({
      key: String(reply[index * 3]),
      hits: Number(reply[index * 3 + 1]),
      lastAccess: new Date(Number(reply[index * 3 + 2])).toISOString(),
    }));
  }

  /** Writes what was counted and stops counting. To be called before the engine is closed. May be called twice. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.flush();
  }

  #add(namespace: string, key: string, hits: number, last: number): void {
    let counts = this.#pending.get(namespace);
    const count = counts?.get(key);
    if (count !== undefined) {
      count.hits += hits;
      count.last = Math.max(count.last, last);
      return;
    }
    if (this.#pendingKeys >= this.#maxPending || this.#closed) {
      this.#dropped += hits;
      return;
    }
    if (counts === undefined) this.#pending.set(namespace, (counts = new Map()));
    counts.set(key, { hits, last });
    this.#pendingKeys += 1;
  }

  /** A process that reads nothing has no timer and sends nothing. */
  #schedule(): void {
    if (this.#timer !== undefined || this.#closed || this.#pendingKeys === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, this.#options.flushIntervalMs ?? 5000);
    this.#timer.unref();
  }

  async #write(): Promise<void> {
    const taken = this.#pending;
    this.#pending = new Map();
    this.#pendingKeys = 0;
    const batches = Array.from(taken, ([namespace, counts]) => {
      const isUse = this.#options.keepsRecency?.(namespace) === true;
      const size = isUse ? MAX_KEYS_PER_RECENCY_FLUSH : MAX_KEYS_PER_FLUSH;
      return Array.from(chunks([...counts], size), (batch) => this.#writeBatch(namespace, batch, isUse));
    });
    await Promise.all(batches.flat());
  }

  async #writeBatch(namespace: string, batch: readonly (readonly [string, Pending])[], isUse: boolean): Promise<void> {
    const { engine, keys, maxRemembered = 10_000 } = this.#options;
    const sets = [keys.access(namespace, 'hits'), keys.access(namespace, 'last')];
    if (isUse) sets.push(keys.access(namespace, 'recency'));
    const args = batch.flatMap(([key, { hits, last }]) => [key, String(hits), String(last)]);
    const reads = batch.reduce((sum, [, { hits }]) => sum + hits, 0);
    const complete = batch.map(([key]) => keys.cache(namespace, key));
    const held = this.#options.heldOf?.(complete, keys.cacheTags(namespace)) ?? [];
    // What it does in vain this time it does the next time: nobody waits for it.
    engine.touch(held).catch(() => undefined);
    try {
      await engine.run(accessFlush, sets, [String(maxRemembered), String(REMEMBER_MS), ...args]);
      publishAccessFlush({ outcome: 'written', keys: batch.length, hits: reads });
    } catch (error) {
      // Certainly not applied: they go back, behind what was counted meanwhile. All else may have been, or never will be.
      const isKept = error instanceof UnavailableError && !this.#closed;
      if (isKept) for (const [key, { hits, last }] of batch) this.#add(namespace, key, hits, last);
      else this.#dropped += reads;
      publishAccessFlush({ outcome: isKept ? 'kept' : 'dropped', keys: batch.length, hits: reads });
    }
  }
}

function* chunks<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let offset = 0; offset < items.length; offset += size) yield items.slice(offset, offset + size);
}
