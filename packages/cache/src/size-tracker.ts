import type { Keys, RedisEngine } from '@holdfast/redis-core';
import { walkKeys } from './keyspace-walk.ts';
import { decodeCounts, encodeCounts, type SizeCounts } from './size-counts.ts';
import { estimateSizes } from './size-estimate.ts';

export interface SizeTrackerOptions {
  readonly engine: RedisEngine;
  readonly keys: Keys;
  /** How old a count may grow before another is made. Default 60 seconds; 0 counts each time that somebody asks. */
  readonly sizeCacheTtlMs?: number;
  /** How many of the keys (complete ones) of a namespace hold what a reader would be given. Default: all. */
  readonly countServed?: ((namespace: string, keys: readonly string[]) => Promise<number>) | undefined;
  /** Sees the keys of each walk. */
  readonly visitor?: WalkVisitor;
  /** Milliseconds since the epoch. Default: the server's clock, as the engine knows it. */
  readonly now?: () => number;
  /** Waits between two pages. Default: a timer that keeps no process alive. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

export interface SizeReading {
  readonly entries: number;
  /** When it was counted, milliseconds since the epoch. */
  readonly countedAt: number;
  /** Made from a sample: the count goes on, and takes a minute at most, as long as there are no more than some ten million keys. */
  readonly isEstimate: boolean;
}

/** What else is done while all keys are walked over. */
export interface WalkVisitor {
  begin(): Promise<void>;
  /** Complete keys of a page, by namespace. */
  visit(page: ReadonlyMap<string, readonly string[]>): Promise<void>;
  /** Every key was seen that was there all the time. */
  end(): Promise<void>;
}

/** Nobody else counts for so long at most, should the one that counts be killed. */
const CLAIM_MS = 60_000;
/** Somebody else counts, or has begun: to be looked for again after so long. */
const RETRY_MS = 5000;

/**
 * How many entries each namespace has, without anyone waiting for a count: one slow walk over the keys of the cache counts all
 * namespaces at once, by one process for all of them, and at most once per `sizeCacheTtlMs`; and only if somebody asks.
 * So a number is some time old, and says so. Until there is one, an estimate from a sample.
 */
export class SizeTracker {
  readonly #options: SizeTrackerOptions;
  readonly #now: () => number;
  readonly #ttlMs: number;
  #counts: SizeCounts | undefined;
  #refreshing: Promise<void> | undefined;
  #knowing: Promise<void> | undefined;
  #nextTryAt = -Infinity;
  readonly #closing = new AbortController();

  constructor(options: SizeTrackerOptions) {
    this.#options = options;
    this.#now = options.now ?? ((): number => options.engine.now());
    this.#ttlMs = options.sizeCacheTtlMs ?? 60_000;
  }

  /** The last known size; `null` before the first count. No command: one that is too old is renewed in the background. */
  size(namespace: string): SizeReading | null {
    const counts = this.#counts;
    const isOld = counts === undefined || counts.isEstimate || this.#now() - counts.countedAt >= this.#ttlMs;
    if (isOld && this.#now() >= this.#nextTryAt) void this.refresh();
    return counts === undefined ? null : readingOf(counts, namespace);
  }

  /**
   * The same; where nothing is known yet, what another process has counted (one command), else an estimate (6). `null`
   * where that fails.
   */
  async measure(namespace: string): Promise<SizeReading | null> {
    if (this.#counts === undefined && !this.#closing.signal.aborted) {
      this.#knowing ??= this.#know().finally(() => {
        this.#knowing = undefined;
      });
      await this.#knowing;
    }
    return this.size(namespace);
  }

  /**
   * The sizes as they can be known without a walk, for somebody who only watches: as they were counted no longer ago than
   * `maxAgeMs`, by any process (one command), else an estimate (6 more). @throws the engine's error
   */
  async glance(maxAgeMs: number): Promise<(namespace: string) => SizeReading> {
    await this.#takeOver();
    const known = this.#counts;
    if (known !== undefined && this.#now() - known.countedAt < maxAgeMs)
      return (namespace) => readingOf(known, namespace);
    const estimate = await this.#estimate(maxAgeMs);
    return (namespace) => readingOf(estimate, namespace);
  }

  /**
   * Takes over what another process counted, or counts. Never rejects: what fails leaves the last known sizes.
   * @param anew Whether to walk even if the last count is recent
   */
  refresh({ anew = false }: { readonly anew?: boolean } = {}): Promise<void> {
    this.#refreshing ??= this.#refresh(anew)
      .catch(() => {})
      .finally(() => {
        this.#refreshing = undefined;
      });
    return this.#refreshing;
  }

  /** Ends a count under way. May be called twice. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#refreshing, this.#knowing]);
  }

  async #know(): Promise<void> {
    try {
      await this.#takeOver();
      if (this.#counts === undefined) await this.#estimate(CLAIM_MS);
    } catch {
      // Redis is away, or does not let this user scan: the size is not known.
    }
  }

  /** Others may use it for `ttlMs`, where nobody has counted. */
  async #estimate(ttlMs: number): Promise<SizeCounts> {
    const { engine, keys } = this.#options;
    const countedAt = this.#now();
    const counts = { countedAt, entries: await estimateSizes(engine, keys), isEstimate: true };
    // A count that came meanwhile is better.
    this.#counts ??= counts;
    await engine.set(keys.sizes('counts'), encodeCounts(counts), { nx: true, pxMs: ttlMs });
    return counts;
  }

  async #refresh(anew: boolean): Promise<void> {
    const { engine, keys } = this.#options;
    if (this.#closing.signal.aborted) return;
    // A failed try counts as well, or each question asked during an outage would be another.
    this.#nextTryAt = this.#now() + this.#ttlMs;
    if ((await this.#takeOver()) && !anew) return;
    const claim = await engine.set(keys.sizes('claim'), '1', { nx: true, pxMs: CLAIM_MS });
    if (!claim.stored) {
      this.#nextTryAt = this.#now() + Math.min(RETRY_MS, this.#ttlMs);
      return;
    }
    const countedAt = this.#now();
    let entries: Map<string, number> | undefined;
    try {
      entries = await this.#count();
      if (entries === undefined) return;
      this.#counts = { countedAt, entries, isEstimate: false };
      await engine.set(keys.sizes('counts'), encodeCounts(this.#counts), {
        pxMs: Math.max(CLAIM_MS, this.#ttlMs * 10),
      });
    } finally {
      // Also where it failed, so that the next who asks may count.
      await engine.del([keys.sizes('claim')]);
    }
  }

  /** Reads what was counted last, by whomever. Replies whether that is recent enough. */
  async #takeOver(): Promise<boolean> {
    const [stored = null] = await this.#options.engine.mget([this.#options.keys.sizes('counts')]);
    const counts = stored === null ? undefined : decodeCounts(stored);
    if (counts === undefined) return false;
    const known = this.#counts;
    if (known === undefined || known.isEstimate || counts.countedAt > known.countedAt) this.#counts = counts;
    return !counts.isEstimate && this.#now() - counts.countedAt < this.#ttlMs;
  }

  /** `undefined` when it was closed meanwhile. */
  async #count(): Promise<Map<string, number> | undefined> {
    const { engine, keys, pause, visitor, countServed } = this.#options;
    const entries = new Map<string, number>();
    let claimedAt = performance.now();
    const onProgress = async (): Promise<void> => {
      // A walk over many millions of keys outlives the claim.
      if (performance.now() - claimedAt < CLAIM_MS / 4) return;
      await engine.pexpire(keys.sizes('claim'), CLAIM_MS);
      claimedAt = performance.now();
    };
    await visitor?.begin();
    const isDone = await walkKeys({ engine, keys, pause, onProgress, signal: this.#closing.signal }, async (page) => {
      for (const [namespace, found] of page) {
        const served = countServed === undefined ? found.length : await countServed(namespace, found);
        entries.set(namespace, (entries.get(namespace) ?? 0) + served);
      }
      await visitor?.visit(page);
    });
    if (!isDone) return undefined;
    await visitor?.end();
    return entries;
  }
}

function readingOf({ countedAt, entries, isEstimate }: SizeCounts, namespace: string): SizeReading {
  return { entries: entries.get(namespace) ?? 0, countedAt, isEstimate };
}
