import { LRUCache } from 'lru-cache';
import type { Entry } from './entry.ts';

/** An entry that is kept in this process. */
export interface NearEntry {
  readonly entry: Entry;
  readonly bytes: number;
  /** Until when it may be served, by this machine's monotonic clock; `Infinity` while Redis reports its changes. */
  readonly until: number;
  /** What `Cache.get` made of the body: read-only, and so shared. `undefined` before the first call. */
  value?: unknown;
}

/** What V8 needs for an entry beyond its body and its key: measured at about 400 bytes. */
const OVERHEAD_BYTES = 400;

export function nearEntry(key: string, entry: Entry, until: number): NearEntry {
  return { entry, until, bytes: OVERHEAD_BYTES + key.length + entry.body.length };
}

/** Entries by complete key, bounded in bytes; the least recently used goes first. Counts what each namespace holds. */
export class NearStore {
  readonly #entries: LRUCache<string, NearEntry>;

  constructor(maxBytes: number) {
    this.#entries = new LRUCache({
      maxSize: Math.max(1, maxBytes),
      maxEntrySize: Math.max(1, Math.floor(maxBytes / 4)),
      sizeCalculation: ({ bytes }) => bytes,
    });
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  get(key: string): NearEntry | undefined {
    return this.#entries.get(key);
  }

  set(key: string, entry: NearEntry): void {
    this.#entries.set(key, entry);
  }

  delete(key: string): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  *entries(): Generator<[string, NearEntry]> {
    yield* this.#entries.entries();
  }
}
