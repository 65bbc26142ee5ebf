import { HoldfastError, type RedisEngine, UnavailableError } from '@holdfast/redis-core';
import type { Entry } from './entry.ts';
import { NearStore, nearEntry, type NearEntry } from './near-store.ts';

/** Where invalidations are kept while Redis is away, so that they survive the process. */
export interface InvalidationJournal {
  /**
   * Keeps one, durably; the newest per area, kind and value. At its bound it keeps one `all` for the area instead.
   * @throws when it cannot be kept: then the write it belongs to must fail
   */
  append(...invalidations: readonly Invalidation[]): void;
  pending(): number;
  /** The oldest, in order. */
  read(limit: number): readonly (Invalidation & { readonly id: number })[];
  remove(ids: readonly number[]): void;
}

export interface Invalidation {
  /** The namespace. */
  readonly area: string;
  readonly kind: 'key' | 'tag' | 'prefix' | 'all';
  /** The key, the tag or the prefix; empty for `all`. */
  readonly value: string;
  readonly mode: 'delete' | 'expire';
}

export interface FailoverOptions {
  readonly journal: InvalidationJournal;
  /** Bytes of entries kept while Redis is away. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Applies journaled invalidations of one namespace to Redis. */
  readonly apply: (area: string, invalidations: readonly Invalidation[]) => Promise<void>;
}

/** The two connections of an engine do not break in the same moment: so long before an outage tracking may have ended. */
const INHERITANCE_MS = 2000;

/**
 * What the caches of one engine do while Redis is away: they serve and write a memory of this process, and note in the
 * journal what Redis has to forget. When Redis is back, the journal is applied before this process reads Redis again,
 * and the memory is dropped.
 */
export class Failover {
  readonly #engine: RedisEngine;
  readonly #options: FailoverOptions;
  readonly #memory: NearStore;
  #isAway: boolean;
  #returning: Promise<void> | undefined;
  readonly #stop: () => void;
  #inheritedAt = -Infinity;
  #closed = false;

  constructor(engine: RedisEngine, options: FailoverOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#memory = new NearStore(options.maxBytes ?? 64 * 1024 * 1024);
    // What an earlier process could not tell Redis comes first. An engine that still connects is not away: calls wait for
    // the outcome of its first attempt, and what they write is not lost to a memory that is dropped a moment later.
    this.#isAway = options.journal.pending() > 0;
    this.#stop = engine.onAvailability((available) => {
      if (available) this.#return();
      else this.#leave();
    });
    if (engine.status.available && this.#isAway) this.#return();
  }

  /** Whether the caches are on their own: from the outage until the journal has been applied. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** Invalidations that Redis has to be told of, on disk. @throws JournalError */
  get pending(): number {
    return this.#options.journal.pending();
  }

  /** Whether a failed call is one that the memory may stand in for: Redis is away, not merely slow this once. */
  standsInFor(error: unknown): boolean {
    const isOutage =
      error instanceof HoldfastError && (error.code === 'REDIS_UNAVAILABLE' || error.code === 'REDIS_UNKNOWN_OUTCOME');
    if (!isOutage || this.#engine.status.available) return false;
    this.#leave();
    return true;
  }

  get(key: string): Entry | undefined {
    return this.#memory.get(key)?.entry;
  }

  set(key: string, entry: Entry): void {
    this.#memory.set(key, nearEntry(key, entry, Infinity));
  }

  /** Notes what Redis has to forget; the memory forgets the keys that it covers at once. */
  invalidate(invalidation: Invalidation, keys: readonly string[]): void {
    try {
      this.#options.journal.append(invalidation);
    } catch (error) {
      throw new UnavailableError('Redis is away, and its invalidation could not be kept on disk either.', {
        cause: error,
      });
    }
    for (const key of keys) this.#memory.delete(key);
  }

  /** What it holds of a namespace. */
  *entries(prefix: string): Generator<[string, Entry]> {
    for (const [key, { entry }] of this.#memory.entries()) if (key.startsWith(prefix)) yield [key, entry];
  }

  /** What the first tier held when tracking ended: it stands in when an outage follows, and not when none does. */
  inherit(entries: Iterable<[string, NearEntry]>): void {
    this.#inheritedAt = performance.now();
    for (const [key, { entry }] of entries) this.#memory.set(key, nearEntry(key, entry, Infinity));
  }

  /** Resolves when the journal has been applied, or when that failed because Redis is away again. */
  async settled(): Promise<void> {
    await this.#returning;
  }

  close(): void {
    this.#closed = true;
    this.#stop();
    this.#memory.clear();
  }

  #leave(): void {
    if (this.#isAway) return;
    this.#isAway = true;
    if (performance.now() - this.#inheritedAt > INHERITANCE_MS) this.#memory.clear();
  }

  #return(): void {
    this.#returning ??= this.#applyJournal().finally(() => {
      this.#returning = undefined;
    });
  }

  async #applyJournal(): Promise<void> {
    const { journal, apply } = this.#options;
    try {
      for (;;) {
        const batch = journal.read(500);
        if (batch.length === 0) break;
        const byArea = Map.groupBy(batch, ({ area }) => area);
        for (const [area, noted] of byArea) {
          await apply(area, noted);
          journal.remove(noted.map(({ id }) => id));
        }
      }
    } catch {
      // Away again, or not ready to be written to: what is left stays in the journal. Applying twice is harmless.
      if (this.#closed) return;
      if (this.#engine.status.available) {
        const timer = setTimeout(() => this.#return(), 250);
        timer.unref();
      }
      return;
    }
    if (this.#closed || !this.#engine.status.available) return;
    this.#isAway = false;
    this.#memory.clear();
  }
}
