import type { Bytes, Keys, RedisEngine, Script, ScriptReply } from '@holdfast/redis-core';
import { Change } from './change.ts';
import type { SharedWork } from './bulk.ts';
import {
  operations,
  publishForeign,
  publishOperation,
  publishRefresh,
  publishShared,
  publishUnstored,
} from './channels.ts';
import type { Entry, TagStamp } from './entry.ts';
import { checkDuration, checkTtl, MAX_TTL_MS, MAX_WAIT_MS } from './errors.ts';
import type { Fallback } from './fallback.ts';
import { type Found, nothing } from './found.ts';
import { keepingIndex } from './index-script.ts';
import { Leasing } from './leasing.ts';
import type { L1Cache } from './l1-cache.ts';
import { checkCacheOptions } from './option-rules.ts';
import type { CacheEntry, CacheOptions } from './options.ts';
import { cacheDelete } from './delete-script.ts';
import type { HeadsReply } from './heads-script.ts';
import { cacheRemove } from './remove-script.ts';
import { OwnChanges } from './own-changes.ts';
import { Sealing } from './sealing.ts';
import { type Freshness, freshnessOf } from './staleness.ts';
import { Statistics } from './statistics.ts';
import { tagKeys } from './tags-buckets.ts';
import { cacheTagsStamp } from './tags-stamp-script.ts';
import type { Tags } from './tags.ts';
import { randomToken } from './token.ts';
import type { Unstored } from './unstored.ts';
import type { Usage } from './usage.ts';

export interface Policy {
  readonly earlyRefresh: number | undefined;
  readonly hardTimeoutMs: number;
  /** After a loader has failed while there was something to serve, nobody calls it again for so long. */
  readonly failureThrottleMs: number;
  readonly onL2Error: 'serve' | 'throw';
}

/** What the caches of a process share. */
export interface Tiers {
  readonly l1: L1Cache;
  readonly fallback: Fallback | undefined;
  readonly usage: Usage | undefined;
}

/** What is looked up, and what it is worth now; `dead` where there is no entry. */
export interface Looked {
  readonly found: Found;
  readonly freshness: Freshness;
  readonly layer: 'l1' | 'l2' | 'fallback';
}

const nothingStored = Buffer.alloc(0);

/** What the operations of one namespace share: its keys, its tiers, its rules, its clock. */
export class CacheCore {
  readonly namespace: string;
  readonly engine: RedisEngine;
  readonly l1: L1Cache;
  readonly changes: OwnChanges;
  readonly fallback: Fallback | undefined;
  readonly usage: Usage | undefined;
  readonly leasing: Leasing;
  readonly leaseMs: number;
  readonly policy: Policy;
  readonly statistics: Statistics = new Statistics();
  readonly sealing: Sealing;
  readonly tagsKey: string;
  readonly tags: Tags;
  readonly #options: CacheOptions;
  readonly #keys: Keys;
  readonly #label: string;

  constructor(options: CacheOptions, { l1, fallback, usage }: Tiers) {
    if (options.ttlMs !== null && options.ttlMs !== 0) checkTtl(options.ttlMs);
    for (const name of ['softTtlMs', 'graceMs', 'negativeTtlMs'] as const) {
      checkDuration(name, options[name], MAX_TTL_MS);
    }
    for (const name of ['hardTimeoutMs', 'failureThrottleMs', 'leaseMs'] as const) {
      checkDuration(name, options[name], MAX_WAIT_MS);
    }
    checkCacheOptions(options);
    this.#options = options;
    this.#keys = options.keys;
    this.#label = options.label ?? options.namespace;
    this.namespace = options.namespace;
    this.engine = options.engine;
    this.l1 = l1;
    this.changes = OwnChanges.of(options.engine);
    this.fallback = fallback;
    this.usage = usage;
    this.tagsKey = options.keys.cacheTags(options.namespace);
    this.tags = l1.tagsOf(this.tagsKey, () => tagKeys(options.keys, options.namespace));
    this.sealing = new Sealing(options, () => this.now(), this.statistics);
    this.leaseMs = options.leaseMs ?? 5000;
    this.leasing = new Leasing({
      engine: options.engine,
      run: (script, keys, args) => this.run(script, keys, args),
      keepsIndex: () => this.keepsIndex,
      l1,
      tagsKey: this.tagsKey,
      tags: this.tags,
      leaseKeyOf: (complete) => options.keys.cacheLease(complete),
      leaseMs: this.leaseMs,
      stampNow: () =>
        this.#askTags(
          () => this.stampNow(this.#keepMs),
          () => undefined,
        ),
      outlive: async (keepMs) => {
        if ((keepMs ?? Infinity) > (this.#keepMs ?? Infinity)) await this.stampNow(keepMs);
      },
    });
    this.policy = {
      earlyRefresh: options.earlyRefresh,
      hardTimeoutMs: options.hardTimeoutMs ?? 30_000,
      failureThrottleMs: options.failureThrottleMs ?? 1000,
      onL2Error: options.onL2Error ?? 'serve',
    };
  }

  /** For how long Redis keeps an entry that says nothing of that; `null`: for ever. */
  get #keepMs(): number | null {
    const { ttlMs, graceMs = 0 } = this.#options;
    return ttlMs === null ? null : ttlMs + graceMs;
  }

  /** How many entries one command of a call for many handles, where neither the call nor the cache says so. */
  batchSize(byDefault: number): number {
    return this.#options.batchSize ?? byDefault;
  }

  /** The namespace stores nothing. */
  get isOff(): boolean {
    return this.#options.ttlMs === 0;
  }

  /** Whether Redis cannot be asked for a key (a complete one), and the fallback is. */
  isOnFallbackFor(complete: string): boolean {
    return this.fallback?.isActiveFor(complete) === true;
  }

  /** The key of the tags, and those of their buckets. */
  get tagKeys(): readonly string[] {
    return tagKeys(this.#keys, this.namespace);
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

  /** What is there: from L1, else from Redis. */
  async find(complete: string): Promise<Looked> {
    const kept = this.findKept(complete);
    const known = kept instanceof Promise ? await kept : kept;
    return known ?? this.look(await this.l1.read(complete), complete);
  }

  /**
   * What L1 has, whatever it is worth, while Redis reports its changes: then Redis has the same. Where it reports none, what
   * is over here may have been written anew, and `undefined` says that Redis has to be asked.
   */
  findKept(complete: string): Looked | undefined | Promise<Looked | undefined> {
    const kept = this.l1.get(complete);
    if (kept === undefined) return undefined;
    const looked = (freshness: Freshness): Looked | undefined => {
      if (freshness !== 'fresh' && kept.until !== Infinity) return undefined;
      return { found: { kind: 'entry', entry: kept.entry }, freshness, layer: 'l1' };
    };
    const known = this.knownFreshness(kept.entry);
    return known === undefined ? this.askedFreshness(kept.entry).then(looked) : looked(known);
  }

  /** What something that Redis has just sent is worth. Waits only where the state of the tags has to be asked for. */
  look(found: Found, complete: string): Looked | Promise<Looked> {
    if (found.kind === 'foreign') {
      this.statistics.add('foreign', 1);
      publishForeign({ namespace: this.#label, key: complete });
    }
    if (found.kind !== 'entry') return { found, freshness: 'dead', layer: 'l2' };
    const freshness = this.knownFreshness(found.entry);
    if (freshness !== undefined) return { found, freshness, layer: 'l2' };
    return this.askedFreshness(found.entry).then((asked) => ({ found, freshness: asked, layer: 'l2' }));
  }

  /** What is there while Redis is away. */
  findInFallback(complete: string): Looked {
    const entry = this.fallback?.get(complete);
    const isOver = entry === undefined || (entry.expiresAt !== null && this.now() >= entry.expiresAt);
    return isOver
      ? { found: nothing, freshness: 'dead', layer: 'fallback' }
      : { found: { kind: 'entry', entry }, freshness: 'fresh', layer: 'fallback' };
  }

  /** With the state of the tags; one command where it is not kept. */
  async askedFreshness(entry: Entry): Promise<Freshness> {
    return this.#askTags(
      async () => freshnessOf(entry, await this.tags.askVerdictOf(entry), this.now()),
      (): Freshness => 'dead',
    );
  }

  /** `undefined` where the state of the tags has to be asked for. */
  knownFreshness(entry: Entry): Freshness | undefined {
    const verdict = this.tags.verdictOf(entry);
    return verdict === undefined ? undefined : freshnessOf(entry, verdict, this.now());
  }

  /** Whether entries and their names in the index are written in one step, by `run`. */
  get keepsIndex(): boolean {
    return this.usage?.keptIndex(this.namespace) !== undefined;
  }

  /** Runs a script that writes or removes entries; where the namespace has an index that goes with them, on that too. */
  run<Reply extends ScriptReply>(
    script: Script<Reply>,
    keys: readonly string[],
    args: readonly Bytes[],
  ): Promise<Reply> {
    const sets = this.usage?.keptIndex(this.namespace);
    if (sets === undefined) return this.engine.run(script, keys, args);
    return this.engine.run(keepingIndex(script), [...keys, ...sets], [...args, this.prefix(), String(this.now())]);
  }

  /** Removes keys (complete ones) of whatever type, and their names from the index. Replies how many there were. One command. */
  async remove(keys: readonly string[]): Promise<number> {
    if (keys.length === 0) return 0;
    if (this.keepsIndex) return this.run(cacheRemove, keys, []);
    for (const key of keys) this.usage?.removed(this.namespace, this.keyOf(key));
    return this.engine.del(keys);
  }

  /** The same for one key; replies what stood before its body, as `cacheHeads` does. */
  async removeOne(key: string): Promise<Buffer> {
    if (this.keepsIndex) {
      const [head = nothingStored] = await this.run(cacheDelete, [key], []);
      return head;
    }
    this.usage?.removed(this.namespace, this.keyOf(key));
    // In a batch: that loads a script which the server does not know beforehand, in the place of sending the command twice.
    const [result] = await this.engine.batch([{ op: 'run', script: cacheDelete, keys: [key], args: [] }]);
    if (result?.ok !== true) throw result?.error ?? new TypeError('There is no reply.');
    return (result.value as HeadsReply)[0] ?? nothingStored;
  }

  /** The stamp of an entry that is written in a slot of its own, and kept for so long (`null`: for ever). One command. */
  async stampNow(keepMs: number | null): Promise<TagStamp> {
    const args = [randomToken(), String(keepMs ?? 0)];
    const [epoch, seq] = await this.engine.run(cacheTagsStamp, [this.tagsKey], args);
    return { epoch: epoch.toString(), seq };
  }

  /**
   * In a cluster the master of the tags may be away while that of an entry is not: then nobody can say what the tags went
   * through. (Where all of Redis is away it is the caller who falls back.)
   */
  async #askTags<Reply>(ask: () => Promise<Reply>, unknown: () => Reply): Promise<Reply> {
    const { fallback, tagsKey } = this;
    if (fallback === undefined || fallback.isActiveForAll) return ask();
    if (fallback.isActiveFor(tagsKey)) return unknown();
    try {
      return await ask();
    } catch (error) {
      if (fallback.answersFor(error, tagsKey) && !fallback.isActiveForAll) return unknown();
      throw error;
    }
  }

  /** Of an entry, by its complete key. */
  changeOf(complete: string): Change {
    return new Change(this.l1, complete);
  }

  /** Of the lease to load an entry anew, by the entry's complete key. */
  changeOfLease(complete: string): Change {
    return new Change(this.l1, this.leasing.leaseKeyOf(complete));
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
    if (operations.hasSubscribers) publishOperation({ namespace: this.#label, operation, outcome, layer, count });
  }

  /** Keys were asked for or written with so many commands. On a cluster each has its own. */
  shared(work: SharedWork): void {
    if (this.engine.slotOf === undefined && this.engine.kind !== 'memory') publishShared(work);
  }

  /** An entry was served: counted where that is asked for. Never waits. */
  used(key: string): void {
    this.usage?.read(this.namespace, key);
  }

  /** An entry was stored that Redis keeps for so long. Never waits. */
  stored(key: string, keepMs: number | null): void {
    // What the fallback holds goes with the outage.
    if (this.fallback?.isActiveFor(this.complete(key)) === true) return;
    this.usage?.written(this.namespace, key, keepMs === null ? null : this.now() + keepMs);
  }

  /** A value that was loaded could not be stored. Not where somebody else was first: nothing is wrong then. */
  publishUnstored(unstored: Unstored): void {
    if (unstored.error !== null) publishUnstored({ namespace: this.#label, ...unstored });
  }

  publishRefreshFailure(error: unknown): void {
    publishRefresh({ namespace: this.#label, error: error instanceof Error ? error : new Error(String(error)) });
  }
}
