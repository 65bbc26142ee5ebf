import {
  type Bytes,
  CorruptValueError,
  deserialize,
  type Keys,
  type RedisEngine,
  serialize,
} from '@holdfast/redis-core';
import type { CacheEntry, CacheOptions } from './options.ts';
import { publishOperation, publishRefresh } from './channels.ts';
import {
  encodeEntry,
  decodeEntry,
  type Entry,
  type NewEntry,
  randomToken,
  type TagStamp,
  VALUE_TYPE,
} from './entry.ts';
import { cacheTagsInvalidate } from './scripts.ts';
import { checkTags, checkTtl, ValueTooLargeError } from './errors.ts';
import type { Failover } from './failover.ts';
import { deepFreeze } from './freeze.ts';
import type { Loaded, LoadOptions } from './loader.ts';
import { type Fill, Leasing } from './loading.ts';
import type { Found, NearCache } from './near-cache.ts';
import { type Freshness, freshnessOf, jittered } from './staleness.ts';
import { Statistics } from './statistics.ts';
import type { Usage } from './usage.ts';

/** Waiting for a change of one key. */
export interface Change {
  /** Whether it changed before so many milliseconds were over, or `pollMs` where changes are not reported. */
  wait(ms: number, pollMs: number): Promise<boolean>;
  stop(): void;
}

export interface Policy {
  readonly graceMs: number;
  readonly jitter: number;
  readonly earlyRefresh: number | undefined;
  readonly negativeTtlMs: number;
  readonly hardTimeoutMs: number;
  /** After a loader has failed while there was something to serve, nobody calls it again for so long. */
  readonly failureThrottleMs: number;
}

/** What the caches of a process share. */
export interface Tiers {
  readonly near: NearCache;
  readonly failover: Failover | undefined;
  readonly usage: Usage | undefined;
}

/** What is looked up, and what it is worth now; `dead` where there is no entry. */
export interface Looked {
  readonly found: Found;
  readonly freshness: Freshness;
  readonly layer: 'l1' | 'l2' | 'fallback';
}

const nothing: Found = { kind: 'nothing' };

/** What the operations of one namespace share: its keys, its tiers, its rules, its clock. */
export class CacheCore {
  readonly namespace: string;
  readonly engine: RedisEngine;
  readonly near: NearCache;
  readonly failover: Failover | undefined;
  readonly usage: Usage | undefined;
  readonly leasing: Leasing;
  readonly leaseMs: number;
  readonly policy: Policy;
  readonly statistics: Statistics = new Statistics();
  readonly tagsKey: string;
  readonly #options: CacheOptions;
  readonly #keys: Keys;
  readonly #label: string;

  constructor(options: CacheOptions, { near, failover, usage }: Tiers) {
    if (options.ttlMs !== null && options.ttlMs !== 0) checkTtl(options.ttlMs);
    this.#options = options;
    this.#keys = options.keys;
    this.#label = options.label ?? options.namespace;
    this.namespace = options.namespace;
    this.engine = options.engine;
    this.near = near;
    this.failover = failover;
    this.usage = usage;
    this.tagsKey = options.keys.cacheTags(options.namespace);
    this.leaseMs = options.leaseMs ?? 5000;
    this.leasing = new Leasing({
      engine: options.engine,
      tagsKey: this.tagsKey,
      leaseMs: this.leaseMs,
      stampNow: () => this.stampNow(),
    });
    this.policy = {
      graceMs: options.graceMs ?? 0,
      jitter: options.jitter ?? 0,
      earlyRefresh: options.earlyRefresh,
      negativeTtlMs: options.negativeTtlMs ?? 0,
      hardTimeoutMs: options.hardTimeoutMs ?? 30_000,
      failureThrottleMs: options.failureThrottleMs ?? 1000,
    };
  }

  /** The namespace stores nothing. */
  get isOff(): boolean {
    return this.#options.ttlMs === 0;
  }

  get isAway(): boolean {
    return this.failover?.isAway === true;
  }

  get ttlMs(): number | null {
    return this.#options.ttlMs;
  }

  /** @throws InvalidKeyError */
  complete(key: string): string {
    return this.#keys.cache(this.namespace, key);
  }

  keyOf(complete: string): string {
    return this.#keys.cacheKeyOf(this.namespace, complete);
  }

  prefix(keyPrefix?: string): string {
    return this.#keys.cachePrefix(this.namespace, keyPrefix);
  }

  /** The server's clock: stamps are compared with it, whatever this machine's clock says. */
  now(): number {
    return this.#options.now?.() ?? this.engine.now();
  }

  /** What is there: from the first tier, else from Redis. */
  async find(key: string): Promise<Looked> {
    const complete = this.complete(key);
    const kept = this.near.get(complete);
    if (kept !== undefined) {
      const freshness = await this.freshness(kept.entry);
      // What is over in the first tier may have been written anew: Redis knows.
      if (freshness === 'fresh') return { found: { kind: 'entry', entry: kept.entry }, freshness, layer: 'l1' };
    }
    return this.look(await this.near.read(complete));
  }

  async look(found: Found): Promise<Looked> {
    if (found.kind === 'foreign') this.statistics.add('foreign', 1);
    const freshness = found.kind === 'entry' ? await this.freshness(found.entry) : 'dead';
    return { found, freshness, layer: 'l2' };
  }

  /** What is there while Redis is away. */
  findAway(key: string): Looked {
    const entry = this.failover?.get(this.complete(key));
    const isOver = entry === undefined || (entry.expiresAt !== null && this.now() >= entry.expiresAt);
    return isOver
      ? { found: nothing, freshness: 'dead', layer: 'fallback' }
      : { found: { kind: 'entry', entry }, freshness: 'fresh', layer: 'fallback' };
  }

  /** At once where the state of the tags is known or not needed; else one command. */
  freshness(entry: Entry): Freshness | Promise<Freshness> {
    return (
      this.knownFreshness(entry) ??
      this.near.tagState(this.tagsKey).then((state) => freshnessOf(entry, state, this.now()))
    );
  }

  /** `undefined` where the state of the tags has to be asked for. */
  knownFreshness(entry: Entry): Freshness | undefined {
    const { stamp } = entry;
    if (stamp === null) return freshnessOf(entry, null, this.now());
    const kept = this.near.keptTagState(this.tagsKey);
    if (kept === undefined) return undefined;
    if (kept !== null && kept.epoch === stamp.epoch && kept.seq >= stamp.seq) {
      return freshnessOf(entry, kept, this.now());
    }
    // An entry that has seen more than what is kept of the tags tells that the tags have to be asked for anew.
    this.near.forgetTagState(this.tagsKey);
    return undefined;
  }

  /** What the tags went through until now. One command, and a second one where they begin. */
  async stampNow(): Promise<TagStamp> {
    const [epoch, seq] = await this.engine.hget(this.tagsKey, ['epoch', 'seq']);
    if (epoch) return { epoch: epoch.toString(), seq: Number(seq?.toString() ?? '0') };
    const [newEpoch, newSeq] = await this.engine.run(
      cacheTagsInvalidate,
      [this.tagsKey],
      [randomToken(), '10000', 'd:'],
    );
    return { epoch: newEpoch.toString(), seq: Number(newSeq.toString()) };
  }

  /** Begins to listen at once: a change after a read that begins after this call is heard, or is known not to be. */
  changeOf(key: string): Change {
    const { near } = this;
    const { epoch } = near;
    const changed = Promise.withResolvers<boolean>();
    const stop = this.near.watch(this.complete(key), () => changed.resolve(true));
    return {
      stop,
      async wait(ms, pollMs) {
        // A read from before tracking was armed is not reported, even if another one would be now.
        const isReported = epoch !== 0 && epoch === near.epoch;
        const timer = setTimeout(() => changed.resolve(false), isReported ? ms : pollMs);
        try {
          return await changed.promise;
        } finally {
          clearTimeout(timer);
        }
      },
    };
  }

  /** What a loader's result is stored as; `null`: not at all. @throws like `seal` */
  toFill(key: string, { value, ttlMs, tags }: Loaded, options: LoadOptions): Fill | null {
    void key;
    const negative = value === undefined;
    const graceMs = negative ? 0 : (options.graceMs ?? this.policy.graceMs);
    const ttl = negative
      ? (options.negativeTtlMs ?? this.policy.negativeTtlMs)
      : firstDefined(ttlMs, options.ttlMs, this.#options.ttlMs);
    if (negative && ttl === 0) return null;
    return this.seal({
      body: negative ? '' : this.serialize(value),
      contentType: VALUE_TYPE,
      ttlMs: ttl,
      tags: tags ?? options.tags ?? [],
      graceMs,
      negative,
    });
  }

  /**
   * Checks a value and gives it its stamps.
   * @throws TtlInvalidError, TagInvalidError, ValueTooLargeError
   */
  seal(value: {
    readonly body: Bytes;
    readonly contentType: string;
    readonly ttlMs?: number | null | undefined;
    readonly tags?: readonly string[] | undefined;
    readonly origin?: string | undefined;
    readonly graceMs?: number;
    readonly negative?: boolean;
  }): Fill {
    const { maxValueBytes = 8 * 1024 * 1024, softTtlMs } = this.#options;
    const given = value.ttlMs === undefined ? this.#options.ttlMs : value.ttlMs;
    if (given !== null && !(given === 0 && this.isOff)) checkTtl(given);
    const body = Buffer.from(value.body as Uint8Array);
    if (body.length > maxValueBytes) throw new ValueTooLargeError(body.length, maxValueBytes);
    const tags = value.tags ?? [];
    checkTags(tags);
    const ttlMs = jittered(given, this.policy.jitter);
    const graceMs = value.graceMs ?? this.policy.graceMs;
    const createdAt = this.now();
    return {
      keepMs: ttlMs === null ? null : ttlMs + graceMs,
      entry: {
        body,
        contentType: value.contentType,
        createdAt,
        softExpiresAt: softTtlMs === undefined ? null : createdAt + softTtlMs,
        expiresAt: ttlMs === null ? null : createdAt + ttlMs,
        tags,
        origin: value.origin ?? null,
        negative: value.negative === true,
      },
    };
  }

  /** The bytes of a new entry; one with tags asks the script for the stamp of the moment that it is written in. */
  encode(entry: Omit<NewEntry, 'stamp'>): Buffer {
    return encodeEntry({ ...entry, stamp: entry.tags.length === 0 ? null : { epoch: '++++++++', seq: 0 } });
  }

  /** What was just loaded, as readers get it. */
  asEntry(fill: Fill): Entry | null {
    return decodeEntry(encodeEntry({ ...fill.entry, stamp: null }));
  }

  /** @throws NotSerializableError */
  serialize(value: unknown): Bytes {
    const { compressAboveBytes } = this.#options;
    return compressAboveBytes === undefined ? serialize(value) : serialize(value, { compressAboveBytes });
  }

  /** What `serialize` was given; `undefined`, and counted, where the body is something else: an image, or a torn text. */
  deserialize(entry: Entry): unknown {
    try {
      return deserialize(entry.body);
    } catch (error) {
      if (!(error instanceof CorruptValueError)) throw error;
      this.statistics.add('foreign', 1);
      return undefined;
    }
  }

  valueOf(entry: Entry): unknown {
    return deepFreeze(this.deserialize(entry));
  }

  view(entry: Entry, { freshness, layer }: Pick<Looked, 'freshness' | 'layer'>): CacheEntry {
    return {
      body: entry.body,
      contentType: entry.contentType,
      etag: entry.digest,
      createdAt: entry.createdAt,
      ttlMs: entry.expiresAt === null ? null : Math.max(0, entry.expiresAt - this.now()),
      stale: freshness === 'stale',
      tags: entry.tags,
      origin: entry.origin,
      layer,
    };
  }

  count(
    operation: 'get' | 'set' | 'delete',
    outcome: 'hit' | 'miss' | 'stale' | 'stored' | 'deleted' | 'error',
    count: number,
    layer: 'l1' | 'l2' | 'fallback' = 'l2',
  ): void {
    if (count === 0) return;
    this.statistics.add(outcome, count, layer);
    publishOperation({ namespace: this.#label, operation, outcome, layer, count });
  }

  /** An entry was served: counted where that is asked for. Never waits. */
  used(key: string): void {
    this.usage?.read(this.namespace, key);
  }

  /** An entry was stored that Redis keeps for so long. Never waits. */
  stored(key: string, keepMs: number | null): void {
    this.usage?.written(this.namespace, key, keepMs === null ? null : this.now() + keepMs);
  }

  publishRefreshFailure(error: unknown): void {
    publishRefresh({ namespace: this.#label, error: error instanceof Error ? error : new Error(String(error)) });
  }
}

function firstDefined<Value>(...values: readonly (Value | undefined)[]): Value | undefined {
  return values.find((value) => value !== undefined);
}
