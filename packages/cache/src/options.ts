import type { Bytes, Keys, RedisEngine } from '@holdfast/redis-core';
import type { Unstored } from './unstored.ts';

/** The rules of one namespace. */
export interface NamespaceOptions {
  /** Time to live of an entry that brings none of its own. `null`: no expiry. `0`: off, the namespace stores nothing. */
  readonly ttlMs: number | null;
  /** After so long an entry is stale: still served, and due for a refresh. */
  readonly softTtlMs?: number;
  /** Beyond its time to live, for so long an entry is kept to be served when its loader fails. Default 0. */
  readonly graceMs?: number;
  /** Makes times to live up to this share (0 to 1) shorter at random, so that entries do not expire together. Default 0. */
  readonly jitter?: number;
  /** From this share (0 to 1) of its life on, a hit refreshes the entry in the background. Default: not before its end. */
  readonly earlyRefresh?: number;
  /** For so long "there is nothing" is kept, when a loader finds nothing. Default 0: not at all. */
  readonly negativeTtlMs?: number;
  /** For so long a loader may run. Default 30 000. */
  readonly hardTimeoutMs?: number;
  /** After a loader has failed while there was something to serve, it is left alone for so long. Default 1000. */
  readonly failureThrottleMs?: number;
  /** More entries than this, and those that were used longest ago go. Default: no bound. Needs a `CacheRegistry`. */
  readonly maxEntries?: number;
  /**
   * Whether Redis keeps an index of the entries' names, so that lists, an invalidation of a prefix or of all, and sizes cost in
   * proportion to this namespace, not to all keys of the Redis. One with `maxEntries` has it anyway. Default false. Needs a
   * `CacheRegistry`; all processes that write the namespace must agree.
   */
  readonly indexed?: boolean;
  /** Values (`set`, `getOrSet`) of more bytes than this are compressed with zstd, where that helps. Default: never. */
  readonly compressAboveBytes?: number;
  /** A loading process that dies is replaced after so long; one that lives renews. Default 5000. */
  readonly leaseMs?: number;
}

export interface CacheOptions extends NamespaceOptions {
  readonly engine: RedisEngine;
  readonly keys: Keys;
  readonly namespace: string;
  /** The largest body. Default 8 MiB. */
  readonly maxValueBytes?: number;
  /**
   * How many entries one command of a call for many handles at most, 1 to 100; 1 handles each by itself. Default: 50 that are
   * written, 500 that are read or removed.
   */
  readonly batchSize?: number;
  /**
   * What `getOrSet` does where Redis cannot be asked, or refuses to store what was loaded: `serve` calls the loader and
   * returns its value unstored, `throw` rejects with the error. A fallback that answers comes first. Default `serve`.
   */
  readonly onL2Error?: 'serve' | 'throw';
  /** The name under which operations are published. Default: the namespace. */
  readonly label?: string;
  /** Milliseconds since the epoch. Default: the server's clock, as the engine has measured it. */
  readonly now?: () => number;
}

export interface CacheEntry {
  readonly body: Buffer;
  readonly contentType: string;
  /** Stands for content type and body; equal for equal ones. Without quotes. */
  readonly etag: string;
  /** When it was written, milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds left; `null`: it does not expire. */
  readonly ttlMs: number | null;
  /** Past its soft time to live. */
  readonly stale: boolean;
  readonly tags: readonly string[];
  /** Who wrote it, where that was said. */
  readonly origin: string | null;
  /** Where it came from: this process, Redis, or this process's memory while Redis is away. */
  readonly layer: 'l1' | 'l2' | 'fallback';
}

/** An entry, or `null`, and who said so: this process, Redis, or its memory while Redis is away for the key. */
export interface ReadItem {
  readonly entry: CacheEntry | null;
  readonly layer: 'l1' | 'l2' | 'fallback';
}

/** What `getOrSet` returns, and how it came about. */
export interface GetOrSetDetails<Value> {
  readonly value: Value;
  /** `stale`: past its soft time to live, or its loader failed. `loaded`: by a loader, just now. */
  readonly served: 'fresh' | 'stale' | 'loaded';
  /** Where it came from, or, for what was loaded, who was asked before: this process, Redis, or its memory while Redis is away. */
  readonly layer: 'l1' | 'l2' | 'fallback';
  /** Why what was loaded was not stored; `null`: it was, or nothing was loaded. */
  readonly unstored: Unstored | null;
}

export interface WriteItem {
  readonly key: string;
  readonly body: Bytes;
  readonly contentType: string;
  /** `null`: no expiry. Default: the namespace's. */
  readonly ttlMs?: number | null;
  readonly tags?: readonly string[];
  /** Who writes it, such as `source:instances`: kept with the entry, for those who must tell theirs from others'. */
  readonly origin?: string;
}

export interface SetOptions {
  readonly ttlMs?: number | null;
  readonly tags?: readonly string[];
}

/** A TypeScript value to store, as `set` takes it. */
export interface SetItem extends SetOptions {
  readonly key: string;
  readonly value: unknown;
}

/**
 * - `created`, `replaced`, `unchanged` (rewritten with an equal body, and so with a new time to live)
 * - `exists`: it was there, and only a new entry was wanted
 * - `off`: the namespace stores nothing
 */
export type WriteOutcome = 'created' | 'replaced' | 'unchanged' | 'exists' | 'off';

export type InvalidateMode =
  /** Gone at once, for everybody. */
  | 'delete'
  /** Expired: loaded again when it is asked for, and served as grace if that fails. */
  | 'expire';

export type InvalidateTarget =
  | { readonly tags: readonly string[] }
  | { readonly keys: readonly string[] }
  | { readonly prefix: string }
  | { readonly all: true };
