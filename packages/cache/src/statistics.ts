import type { KeptCount } from './kept-entries.ts';

/** What one process has seen of a namespace since it started. */
export interface NamespaceStats {
  readonly namespace: string;
  /** `null`: no expiry. `0`: off. */
  readonly ttlMs: number | null;
  readonly hits: number;
  readonly misses: number;
  /** 0 to 1; stale hits are hits. `null` before the first read. */
  readonly hitRatio: number | null;
  readonly l1: {
    readonly totalEntries: number;
    /** Those that may still be served. */
    readonly validEntries: number;
    readonly expiredEntries: number;
    readonly bytes: number;
    readonly hits: number;
    /** Of all reads. `null` before the first. */
    readonly hitRatio: number | null;
  };
  readonly l2: { readonly hits: number };
  /** Entries, as they were last counted; `null` where they were not. */
  readonly size: number | null;
  /** When that was, milliseconds since the epoch. */
  readonly countedAt: number | null;
  /** Whether it is made from a sample, as long as nobody has counted; `null` without a size. */
  readonly sizeIsEstimate: boolean | null;
  /** Entries that this process removed because there were more than `maxEntries`. */
  readonly evictions: number;
  /** Those of the hits that were past their soft time to live. */
  readonly stale: number;
  /** Keys that hold something else than an entry, as often as they were met. */
  readonly foreign: number;
  /** Keys whose operation failed because Redis did. */
  readonly errors: number;
}

type Outcome = 'hit' | 'miss' | 'stale' | 'stored' | 'deleted' | 'error' | 'foreign';

export class Statistics {
  readonly #counts: Record<Outcome, number> = {
    hit: 0,
    miss: 0,
    stale: 0,
    stored: 0,
    deleted: 0,
    error: 0,
    foreign: 0,
  };
  #l1Hits = 0;

  add(outcome: Outcome, count: number, layer: 'l1' | 'l2' | 'fallback' = 'l2'): void {
    this.#counts[outcome] += count;
    if (layer === 'l1' && (outcome === 'hit' || outcome === 'stale')) this.#l1Hits += count;
  }

  of(
    namespace: string,
    ttlMs: number | null,
    l1: KeptCount,
  ): Omit<NamespaceStats, 'size' | 'countedAt' | 'sizeIsEstimate' | 'evictions'> {
    const { hit, stale, miss, error, foreign } = this.#counts;
    const hits = hit + stale;
    const reads = hits + miss;
    const ratio = (part: number): number | null => (reads === 0 ? null : part / reads);
    return {
      namespace,
      ttlMs,
      hits,
      misses: miss,
      hitRatio: ratio(hits),
      l1: {
        totalEntries: l1.entries,
        validEntries: l1.valid,
        expiredEntries: l1.entries - l1.valid,
        bytes: l1.bytes,
        hits: this.#l1Hits,
        hitRatio: ratio(this.#l1Hits),
      },
      l2: { hits: hits - this.#l1Hits },
      stale,
      foreign,
      errors: error,
    };
  }
}
