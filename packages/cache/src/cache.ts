import { checkOption, wholeNumber } from '@holdfast/redis-core';
import type { AccessCount } from './access-tracker.ts';
import type { BulkOptions, BulkResult, BulkWriteOptions } from './bulk.ts';
import { type BulkRemoval, BulkWriting, type BulkWriteResult, type SyncResult } from './bulk-writing.ts';
import { CacheCore } from './cache-core.ts';
import { create } from './creating.ts';
import { type Entry, VALUE_TYPE } from './entry.ts';
import { evict, type Eviction, type Victim } from './eviction.ts';
import type { Fallback, Invalidation } from './fallback.ts';
import { GetOrSet } from './get-or-set.ts';
import { GetOrSetMany } from './get-or-set-many.ts';
import type { ManyLoader } from './joint-load.ts';
import { Invalidating } from './invalidation.ts';
import { listKeys } from './listing.ts';
import type { Loader, LoadOptions } from './loader.ts';
import { L1Cache } from './l1-cache.ts';
import {
  checkBulkReadOptions,
  checkInvalidation,
  checkLoadOptions,
  checkPage,
  checkSetOptions,
  checkWriteOptions,
} from './option-rules.ts';
import type {
  CacheEntry,
  CacheOptions,
  GetOrSetDetails,
  InvalidateMode,
  InvalidateTarget,
  ReadItem,
  SetItem,
  SetOptions,
  WriteItem,
  WriteOutcome,
} from './options.ts';
import { Presence } from './presence.ts';
import type { ReadonlyDeep } from './readonly-deep.ts';
import { Reading, served } from './reading.ts';
import type { Opened } from './sealing.ts';
import type { NamespaceStats } from './statistics.ts';
import type { NamePages } from './recency-index.ts';
import type { SizeReading } from './size-tracker.ts';
import { storedSizes } from './stored-sizes.ts';
import type { Usage } from './usage.ts';
import { Values } from './values.ts';
import { Writing } from './writing.ts';

const MINUTE_MS = 60_000;

/** What the caches of one process share for one engine. Default: an L1 of their own, and no fallback. */
export interface CacheTiers {
  readonly l1?: L1Cache;
  readonly fallback?: Fallback;
  /** Counts reads, knows sizes, and evicts. Default: none of it. */
  readonly usage?: Usage;
}

/**
 * One namespace of the cache. Entries are bytes with a content type (what the REST routes use: `read`, `write`), or
 * TypeScript values (`get`, `set`, `getOrSet`), which are entries too. Values that are read are shared within the
 * process, and so are read-only: plain data is frozen.
 *
 * While Redis is away a cache with a fallback serves and writes this process's memory, marked as such, and notes what
 * Redis has to forget; one without rejects with `UnavailableError` or `UnknownOutcomeError`.
 */
export class Cache {
  readonly namespace: string;
  readonly #core: CacheCore;
  readonly #values: Values;
  readonly #reading: Reading;
  readonly #presence: Presence;
  readonly #loads: GetOrSet;
  readonly #many: GetOrSetMany;
  readonly #writing: Writing;
  readonly #bulk: BulkWriting;
  readonly #invalidating: Invalidating;

  constructor(options: CacheOptions, tiers: CacheTiers = {}) {
    this.namespace = options.namespace;
    const { l1 = L1Cache.of(options.engine), fallback, usage } = tiers;
    this.#core = new CacheCore(options, { l1, fallback, usage });
    this.#values = new Values(this.#core);
    this.#loads = new GetOrSet(this.#core, this.#values);
    this.#reading = new Reading(this.#core, this.#values);
    this.#presence = new Presence(this.#core);
    this.#many = new GetOrSetMany(this.#core, this.#reading, this.#loads, this.#values);
    this.#writing = new Writing(this.#core, this.#loads);
    this.#bulk = new BulkWriting(this.#core, this.#writing);
    this.#invalidating = new Invalidating(this.#core, this.#loads);
  }

  /** The namespace's default time to live: `null` no expiry, `0` off. */
  get ttlMs(): number | null {
    return this.#core.ttlMs;
  }

  /** An entry, or `null`. No command from L1, else one. What is not an entry is a miss. */
  async read(key: string): Promise<CacheEntry | null> {
    const complete = this.#core.complete(key);
    const kept = this.#reading.kept(key, complete);
    if (kept !== undefined) return this.#core.view(kept.entry, { freshness: 'fresh', layer: 'l1' });
    const looked = await this.#reading.look(key, complete);
    const entry = served(looked);
    return entry === null ? null : this.#core.view(entry, looked);
  }

  /**
   * Entries in the order of `keys`; one command per 500 that are not in L1. Without `countsAsUse` it is neither
   * counted nor a reason to keep them longer than others.
   */
  async readMany(
    keys: readonly string[],
    options: BulkOptions & { readonly countsAsUse?: boolean } = {},
  ): Promise<(CacheEntry | null)[]> {
    checkBulkReadOptions(options);
    const looked = await this.#reading.lookMany(
      keys,
      options.batchSize ?? this.#core.batchSize(500),
      options.countsAsUse,
    );
    return looked.map((one) => {
      const entry = served(one);
      return entry === null ? null : this.#core.view(entry, one);
    });
  }

  /**
   * The same, and of each key who answered, also where there is no entry: `fallback` says that Redis is away for it, and may hold one.
   */
  async readManyDetailed(keys: readonly string[], options: BulkOptions = {}): Promise<ReadItem[]> {
    checkBulkReadOptions(options);
    const looked = await this.#reading.lookMany(keys, options.batchSize ?? this.#core.batchSize(500));
    return looked.map((one) => {
      const entry = served(one);
      return { entry: entry === null ? null : this.#core.view(entry, one), layer: one.layer };
    });
  }

  /**
   * Bytes that a read of each key would bring into this process, with what is stored in front of a body; 0 where there is
   * nothing. One command per 500 keys that are not in L1, which moves no value: for who has to bound what he reads at once.
   */
  storedBytes(keys: readonly string[]): Promise<readonly number[]> {
    return storedSizes(this.#core, keys);
  }

  /** Writes one entry; one command. With `createOnly` only where `read` would give none (`exists` otherwise). */
  async write(
    key: string,
    value: Omit<WriteItem, 'key'>,
    options: { readonly createOnly?: boolean } = {},
  ): Promise<{ outcome: WriteOutcome }> {
    checkWriteOptions(options);
    if (options.createOnly === true) return { outcome: await create(this.#core, this.#loads, key, value) };
    const [outcome = 'off'] = await this.#writing.write([{ ...value, key }]);
    if (outcome instanceof Error) throw outcome;
    return { outcome };
  }

  /** Writes many entries, 50 a command; a result per item, and one bad item fails alone. */
  writeMany(items: readonly WriteItem[], options: BulkWriteOptions = {}): Promise<BulkWriteResult> {
    return this.#bulk.write(items, options);
  }

  /** The value that was stored, or `undefined`. Plain data comes frozen: it is shared with other readers. */
  async get<Value>(key: string): Promise<ReadonlyDeep<Value> | undefined> {
    const complete = this.#core.complete(key);
    const kept = this.#reading.keptValue(key, complete) ?? (await this.#reading.lookForValue(key, complete));
    return kept?.value as ReadonlyDeep<Value> | undefined;
  }

  /** Whether a read would find something; at most one command, which moves no value. Counted as no use of the entry. */
  async has(key: string): Promise<boolean> {
    const [found = false] = await this.#presence.of([key]);
    return found;
  }

  /** The same of many keys, in their order; one command per 500 that are not in L1. */
  hasMany(keys: readonly string[]): Promise<boolean[]> {
    return this.#presence.of(keys);
  }

  /** Values in the order of `keys`. */
  async getMany<Value>(
    keys: readonly string[],
    options: BulkOptions = {},
  ): Promise<(ReadonlyDeep<Value> | undefined)[]> {
    checkBulkReadOptions(options);
    const looked = await this.#reading.lookMany(keys, options.batchSize ?? this.#core.batchSize(500));
    return looked.map((one, index) => {
      const entry = served(one);
      return entry === null ? undefined : (this.#value(keys[index] ?? '', entry) as ReadonlyDeep<Value>);
    });
  }

  /**
   * Stores a value; one command.
   * @throws NotSerializableError naming the part of the value that cannot be stored
   */
  async set(key: string, value: unknown, options: SetOptions = {}): Promise<void> {
    checkSetOptions(options);
    await this.#writing.set(key, { ...options, body: this.#core.sealing.serialize(value), contentType: VALUE_TYPE });
  }

  /** Stores a value for a minute; one command. */
  setShort(key: string, value: unknown, options: Omit<SetOptions, 'ttlMs'> = {}): Promise<void> {
    return this.set(key, value, { ...options, ttlMs: MINUTE_MS });
  }

  /** Stores a value for five minutes; one command. */
  setMedium(key: string, value: unknown, options: Omit<SetOptions, 'ttlMs'> = {}): Promise<void> {
    return this.set(key, value, { ...options, ttlMs: 5 * MINUTE_MS });
  }

  /** Stores a value for half an hour; one command. */
  setLong(key: string, value: unknown, options: Omit<SetOptions, 'ttlMs'> = {}): Promise<void> {
    return this.set(key, value, { ...options, ttlMs: 30 * MINUTE_MS });
  }

  /** Stores many values, 50 a command; a result per key. */
  setMany(items: readonly SetItem[], options: BulkWriteOptions = {}): Promise<BulkResult> {
    return this.#bulk.set(items, options);
  }

  /**
   * The value under a key, or what `loader` makes of it: called once over all processes, however many ask. What it
   * returns is stored unless the key was written, deleted or invalidated meanwhile.
   * `undefined` comes where the loader may return it: a key has one type of value, whoever loads it.
   * What cannot be stored, as Redis fails (see `onL2Error`) or it is too large, is returned all the same.
   * @throws what the loader throws (a `LoaderFailedError` where another process ran it), or LoaderTimeoutError
   */
  async getOrSet<Value, Stale = Exclude<Value, undefined>>(
    key: string,
    loader: Loader<Value, Stale>,
    options: LoadOptions = {},
  ): Promise<ReadonlyDeep<Value>> {
    checkLoadOptions(options);
    const kept = this.#keptToLoad(key) ?? (await this.#loads.get(key, loader, options));
    return kept.value as ReadonlyDeep<Value>;
  }

  /** The same, and how the value came about: whether it is stale, was loaded, or could not be stored. */
  async getOrSetDetailed<Value, Stale = Exclude<Value, undefined>>(
    key: string,
    loader: Loader<Value, Stale>,
    options: LoadOptions = {},
  ): Promise<GetOrSetDetails<ReadonlyDeep<Value>>> {
    checkLoadOptions(options);
    const kept = this.#keptToLoad(key);
    const details =
      kept === undefined
        ? await this.#loads.get(key, loader, options)
        : { value: kept.value, served: 'fresh', layer: 'l1', unstored: null };
    return details as GetOrSetDetails<ReadonlyDeep<Value>>;
  }

  /** What L1 has, fresh. Early refreshes are decided with the entry at hand. */
  #keptToLoad(key: string): Opened | undefined {
    const core = this.#core;
    return core.policy.earlyRefresh === undefined ? this.#reading.keptValue(key, core.complete(key)) : undefined;
  }

  /**
   * The same for many keys, with one call of `loader` for all that are missing, and one in the background for those that are
   * due to be refreshed. One command for 500 keys to look, and for 50 that are missing one to lease them, and one for 50
   * values (1 MiB) to store. Values in the order of `keys`.
   */
  async getOrSetMany<Value>(
    keys: readonly string[],
    loader: ManyLoader<Value>,
    options: LoadOptions = {},
  ): Promise<(ReadonlyDeep<Value> | undefined)[]> {
    checkLoadOptions(options);
    if (this.#core.isOff) {
      const loaded = await loader([...new Set(keys)]);
      return keys.map((key) => loaded.get(key) as ReadonlyDeep<Value> | undefined);
    }
    return (await this.#many.get(keys, loader, options)) as (ReadonlyDeep<Value> | undefined)[];
  }

  /**
   * Removes what is under a key, of whatever type; one command. Replies whether it was an entry that `read` would have given, or
   * something that is no entry.
   */
  delete(key: string): Promise<boolean> {
    return this.#writing.remove(key);
  }

  /** Removes keys, 500 a command. A key that was not there counts as successful; `removed` says how many were. */
  deleteMany(keys: readonly string[], options: BulkWriteOptions = {}): Promise<BulkRemoval> {
    return this.#bulk.delete(keys, options);
  }

  /** Writes what changed, values or bodies, and removes what is gone; a key that is in both is written. */
  sync(
    updates: readonly (SetItem | WriteItem)[],
    deletions: readonly string[],
    options: BulkWriteOptions = {},
  ): Promise<SyncResult> {
    return this.#bulk.sync(updates, deletions, options);
  }

  /**
   * Invalidates what tags, a prefix or the whole namespace cover. Tags are one command whatever they cover; a prefix and
   * `all` look at every key of the namespace.
   * @returns how many entries it was; `null` for tags
   * @throws the reason of `signal`, which ends the look at every key between two batches: some may be invalidated
   */
  async invalidate(
    target: InvalidateTarget,
    options: { readonly mode?: InvalidateMode; readonly signal?: AbortSignal } = {},
  ): Promise<number | null> {
    checkInvalidation(target, options);
    return this.#invalidating.invalidate(target, options.mode ?? 'delete', options.signal);
  }

  /** Applies what a journal held for this namespace. Applying twice is harmless. */
  applyJournal(invalidations: readonly Invalidation[]): Promise<void> {
    return this.#invalidating.applyJournal(invalidations);
  }

  /**
   * One page of the keys that `read` would give an entry of, or that hold no entry. A key that stays is seen at least once over all pages;
   * `limit` is a hint. Two commands a page. Without a complete index all pages together look at every key of the Redis, with one at
   * those of the namespace.
   */
  async list(
    page: { readonly cursor?: string; readonly limit?: number; readonly prefix?: string } = {},
  ): Promise<{ keys: string[]; cursor: string | null }> {
    checkPage(page);
    return listKeys(this.#core, this.#presence, page);
  }

  /**
   * All keys that the index of the namespace names, also such as are gone by now; `null` while it is not complete, `undefined` where the
   * namespace has none. One command per 1,000. What `list` does in pages, for whoever needs all of them.
   */
  async indexedKeys(): Promise<NamePages | null | undefined> {
    return this.#core.usage?.index(this.namespace)?.names();
  }

  /** The keys that were read most, by all processes; one command. Empty where reads are not counted. */
  async top(limit = 10): Promise<AccessCount[]> {
    checkOption('top', 'limit', limit, atLeastOne);
    return (await this.#core.usage?.top(this.namespace, limit)) ?? [];
  }

  /**
   * How many entries there are, and when that was counted. One command where the namespace has an index; else none, but the first
   * time: what another process has counted (1), or an estimate (6), with the count following in the background. `null`
   * where Redis cannot be asked and nothing is known.
   */
  async size(): Promise<SizeReading | null> {
    return (await this.#core.usage?.measure(this.namespace)) ?? null;
  }

  /** How many of the keys (complete ones) hold what `list` would name; one command per 500. For `Usage`, which walks over all keys. */
  countServed(complete: readonly string[]): Promise<number> {
    return this.#presence.count(complete);
  }

  /** Removes entries because there are too many. For `Usage`, which knows them already. */
  evict(victims: readonly Victim[]): Promise<Eviction[]> {
    return evict(this.#core, victims);
  }

  /** What this process has seen of the namespace since it started. No command. */
  stats(): NamespaceStats {
    const core = this.#core;
    const l1 = core.l1.count(core.prefix());
    const { usage } = core;
    const size = usage?.size(this.namespace) ?? null;
    return {
      ...core.statistics.of(this.namespace, core.ttlMs, l1),
      size: size?.entries ?? null,
      countedAt: size?.countedAt ?? null,
      sizeIsEstimate: size?.isEstimate ?? null,
      evictions: usage?.evictions(this.namespace) ?? 0,
    };
  }

  #value(key: string, entry: Entry): unknown {
    return this.#values.of(this.#core.complete(key), entry)?.value;
  }
}

const atLeastOne = wholeNumber(1);
