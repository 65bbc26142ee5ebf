import { Sweeping } from '@holdfast/redis-core';
import { LRUCache } from 'lru-cache';
import type { Entry } from './entry.ts';
import { heapBytesOf } from './value-size.ts';

/** An entry that is kept in this process. */
export interface KeptEntry {
  readonly entry: Entry;
  /** What it takes of the memory of this process. */
  readonly bytes: number;
  /** Until when it may be served, by this machine's monotonic clock; `Infinity` while Redis reports its changes. */
  readonly until: number;
  /** What `Cache.get` made of the body: read-only, and so shared. `undefined` before the first call. */
  readonly value: unknown;
}

/**
 * What V8 and the allocator need for an entry beyond its bytes, its key and its value: the objects here and in the list,
 * the buffer and what stands behind it. Measured on Node 24, see `l1-memory.test.ts`.
 */
const OVERHEAD_BYTES = 700;

/** The entry in memory of its own, so that what is counted is what is held. */
export function keptEntry(key: string, entry: Entry, until: number): KeptEntry {
  const own = entry.compact();
  return { entry: own, until, bytes: OVERHEAD_BYTES + key.length + own.heldBytes, value: undefined };
}

/** What is kept of a namespace. */
export interface KeptCount {
  readonly entries: number;
  /** Those that may still be served. */
  readonly valid: number;
  readonly bytes: number;
}

/** How old a count may be: making one looks at every entry. */
const COUNT_MS = 100;

export interface KeptEntriesOptions {
  /** The server's clock, by which entries expire. */
  readonly serverNow: () => number;
  /** How often what has expired is freed, in milliseconds. Default 5 minutes. */
  readonly sweepEveryMs?: number | undefined;
}

/** Entries by complete key, bounded in bytes; the least recently used goes first. Counts what each namespace holds. */
export class KeptEntries {
  readonly #entries: LRUCache<string, KeptEntry>;
  readonly #serverNow: () => number;
  readonly #sweeping: Sweeping<KeptEntry>;
  #counts: ReadonlyMap<string, KeptCount> = new Map();
  #countedAt = -Infinity;

  constructor(maxBytes: number, { serverNow, sweepEveryMs }: KeptEntriesOptions) {
    this.#serverNow = serverNow;
    this.#entries = new LRUCache({
      maxSize: Math.max(1, maxBytes),
      maxEntrySize: Math.max(1, Math.floor(maxBytes / 4)),
      sizeCalculation: ({ bytes }) => bytes,
    });
    this.#sweeping = new Sweeping({
      // As they are now: the list of the library is not made to be changed while it is walked.
      entries: () => [...this.#entries.entries()],
      isOver: (kept) => !this.#isValid(kept),
      remove: (key, kept) => {
        if (this.#entries.peek(key) === kept) this.#entries.delete(key);
      },
      ...(sweepEveryMs === undefined ? {} : { everyMs: sweepEveryMs }),
    });
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  get(key: string): KeptEntry | undefined {
    return this.#entries.get(key);
  }

  /** The same, which does not count as a use of it. */
  peek(key: string): KeptEntry | undefined {
    return this.#entries.peek(key);
  }

  set(key: string, entry: KeptEntry): void {
    this.#entries.set(key, entry);
    this.#sweeping.kept();
  }

  /** Keeps what was made of an entry beside it, as long as that is still the one that is kept. */
  setValue(key: string, entry: Entry, value: unknown): void {
    const kept = this.#entries.peek(key);
    if (kept?.entry !== entry) return;
    const bytes = kept.bytes + heapBytesOf(value);
    // What is too large with its value is kept without, and parsed for each reader.
    if (bytes <= this.#entries.maxEntrySize) this.set(key, { ...kept, value, bytes });
  }

  delete(key: string): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** Holds nothing any more, and frees nothing later. */
  close(): void {
    this.#sweeping.stop();
    this.clear();
  }

  *entries(): Generator<[string, KeptEntry]> {
    yield* this.#entries.entries();
  }

  /** What there is of the keys that start with `prefix`, as it was a moment ago. */
  count(prefix: string): KeptCount {
    if (performance.now() - this.#countedAt > COUNT_MS) {
      this.#counts = this.#countAll();
      this.#countedAt = performance.now();
    }
    return this.#counts.get(prefix) ?? { entries: 0, valid: 0, bytes: 0 };
  }

  /** One walk for all namespaces: what stands before the last colon of a key, as users' parts have none. */
  #countAll(): Map<string, KeptCount> {
    const counts = new Map<string, { entries: number; valid: number; bytes: number }>();
    for (const [key, kept] of this.entries()) {
      const prefix = key.slice(0, key.lastIndexOf(':') + 1);
      const counted = counts.get(prefix) ?? { entries: 0, valid: 0, bytes: 0 };
      counts.set(prefix, counted);
      counted.entries += 1;
      counted.bytes += kept.bytes;
      if (this.#isValid(kept)) counted.valid += 1;
    }
    return counts;
  }

  #isValid({ entry, until }: KeptEntry): boolean {
    return performance.now() < until && (entry.expiresAt === null || this.#serverNow() < entry.expiresAt);
  }
}
