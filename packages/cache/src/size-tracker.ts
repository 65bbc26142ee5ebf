import { setTimeout as sleep } from 'node:timers/promises';
import type { Keys, RedisEngine } from '@holdfast/redis-core';

export interface SizeTrackerOptions {
  readonly engine: RedisEngine;
  readonly keys: Keys;
  /** How old a count may grow before another is made. Default 60 seconds. */
  readonly sizeCacheTtlMs?: number;
  /** Milliseconds since the epoch. Default: the server's clock, as the engine knows it. */
  readonly now?: () => number;
  /** Waits between two pages. Default: a timer that keeps no process alive. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

export interface SizeReading {
  readonly entries: number;
  /** When it was counted, milliseconds since the epoch. */
  readonly countedAt: number;
}

interface Counts {
  readonly countedAt: number;
  readonly entries: ReadonlyMap<string, number>;
}

/** Keys a page looks at: about half a millisecond of Redis. */
const PAGE = 250;
/** A count takes one part of Redis' attention in so many. */
const SHARE = 10;
/** Nobody else counts for so long at most, should the one that counts be killed. */
const CLAIM_MS = 60_000;

/**
 * How many entries each namespace has, without anyone waiting for it: one slow walk over the keys of the cache counts all
 * namespaces at once, in pages with pauses, by one process for all of them, and at most once per `sizeCacheTtlMs`; and
 * only if somebody asks. So a number is some time old, and says so. A key that is written or removed during the
 * walk may be counted or not.
 */
export class SizeTracker {
  readonly #options: SizeTrackerOptions;
  readonly #now: () => number;
  readonly #ttlMs: number;
  #counts: Counts | undefined;
  #refreshing: Promise<void> | undefined;
  #triedAt = -Infinity;
  readonly #closing = new AbortController();

  constructor(options: SizeTrackerOptions) {
    this.#options = options;
    this.#now = options.now ?? ((): number => options.engine.now());
    this.#ttlMs = options.sizeCacheTtlMs ?? 60_000;
  }

  /** The last known size; `null` before the first count. No command: one that is too old is renewed in the background. */
  size(namespace: string): SizeReading | null {
    const { countedAt } = this.#counts ?? { countedAt: -Infinity };
    // A failed try counts as well, or each question asked during an outage would be another.
    if (this.#now() - Math.max(countedAt, this.#triedAt) >= this.#ttlMs) void this.refresh();
    if (this.#counts === undefined) return null;
    return { entries: this.#counts.entries.get(namespace) ?? 0, countedAt: this.#counts.countedAt };
  }

  /** Takes over what another process counted, or counts. Never rejects: what fails leaves the last known sizes. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh()
      .catch(() => {})
      .finally(() => {
        this.#refreshing = undefined;
      });
    return this.#refreshing;
  }

  /** Ends a count under way. May be called twice. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const { engine, keys } = this.#options;
    if (this.#closing.signal.aborted) return;
    this.#triedAt = this.#now();
    if (await this.#takeOver()) return;
    const claim = await engine.set(keys.sizes('claim'), '1', { nx: true, pxMs: CLAIM_MS });
    if (!claim.stored) return;
    const countedAt = this.#now();
    const entries = await this.#count();
    if (entries === undefined) return;
    this.#counts = { countedAt, entries };
    const shared = JSON.stringify({ countedAt, entries: Object.fromEntries(entries) });
    await engine.set(keys.sizes('counts'), shared, { pxMs: this.#ttlMs * 10 });
    await engine.del([keys.sizes('claim')]);
  }

  /** Reads what was counted last, by whomever. Replies whether that is recent enough. */
  async #takeOver(): Promise<boolean> {
    const [stored = null] = await this.#options.engine.mget([this.#options.keys.sizes('counts')]);
    const counts = stored === null ? undefined : parseCounts(stored);
    if (counts === undefined) return false;
    if (this.#counts === undefined || counts.countedAt > this.#counts.countedAt) this.#counts = counts;
    return this.#now() - counts.countedAt < this.#ttlMs;
  }

  /** `undefined` when it was closed meanwhile. */
  async #count(): Promise<Map<string, number> | undefined> {
    const { engine, keys, pause = this.#pause } = this.#options;
    const entries = new Map<string, number>();
    let cursor: string | undefined;
    let claimedAt = performance.now();
    for (;;) {
      const startedAt = performance.now();
      const page = await engine.scan({
        prefix: keys.cacheRoot(),
        type: 'string',
        count: PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const complete of page.keys) {
        const namespace = keys.cacheNamespaceOf(complete);
        if (namespace !== undefined) entries.set(namespace, (entries.get(namespace) ?? 0) + 1);
      }
      if (page.cursor === null) return entries;
      cursor = page.cursor;
      await pause(Math.min(100, (performance.now() - startedAt) * (SHARE - 1)));
      if (this.#closing.signal.aborted) return undefined;
      // A walk over many millions of keys outlives the claim.
      if (performance.now() - claimedAt < CLAIM_MS / 4) continue;
      await engine.pexpire(keys.sizes('claim'), CLAIM_MS);
      claimedAt = performance.now();
    }
  }

  readonly #pause = async (ms: number): Promise<void> => {
    await sleep(ms, undefined, { ref: false, signal: this.#closing.signal }).catch(() => {});
  };
}

function parseCounts(stored: Buffer): Counts | undefined {
  try {
    const parsed: unknown = JSON.parse(stored.toString());
    if (!isCounts(parsed)) return undefined;
    const entries = Object.entries(parsed.entries).filter((entry): entry is [string, number] => {
      return typeof entry[1] === 'number';
    });
    return { countedAt: parsed.countedAt, entries: new Map(entries) };
  } catch {
    return undefined;
  }
}

function isCounts(value: unknown): value is { readonly countedAt: number; readonly entries: object } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'countedAt' in value &&
    typeof value.countedAt === 'number' &&
    'entries' in value &&
    typeof value.entries === 'object' &&
    value.entries !== null
  );
}
