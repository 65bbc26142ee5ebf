import { InvalidKeyError, isName, type Keys, type RedisEngine } from '@holdfast/redis-core';
import { Cache } from './cache.ts';
import { NamespaceUnknownError } from './errors.ts';
import { Failover, type InvalidationJournal } from './failover.ts';
import { NearCache, type NearCacheOptions } from './near-cache.ts';
import type { NearEntry } from './near-store.ts';
import type { NamespaceOptions } from './options.ts';
import { freshnessOf } from './staleness.ts';
import { Usage, type UsageOptions } from './usage.ts';

export interface CacheRegistryOptions {
  readonly engine: RedisEngine;
  readonly keys: Keys;
  readonly namespaces: Readonly<Record<string, NamespaceOptions>>;
  /** Whether a namespace that is not declared may be used. Default false. */
  readonly allowUndeclared?: boolean;
  readonly maxValueBytes?: number;
  /** The first tier, shared by all namespaces. */
  readonly near?: NearCacheOptions;
  /** How often counted reads are written. */
  readonly usage?: Pick<UsageOptions, 'flushIntervalMs'>;
  /** With it the caches stand in for Redis while that is away; without it they reject. */
  readonly journal?: InvalidationJournal;
}

/** How many undeclared namespaces keep their statistics; beyond it the oldest is forgotten. Its entries stay. */
const MAX_UNDECLARED = 1000;
/** Time to live of what is written there. */
const UNDECLARED_TTL_MS = 5 * 60 * 1000;

/** The namespaces of a service, one `Cache` each, over one first tier and one failover. */
export class CacheRegistry {
  readonly #options: CacheRegistryOptions;
  readonly #near: NearCache;
  readonly #failover: Failover | undefined;
  readonly #usage: Usage;
  readonly #declared: ReadonlyMap<string, Cache>;
  readonly #undeclared = new Map<string, Cache>();

  constructor(options: CacheRegistryOptions) {
    this.#options = options;
    const near = new NearCache(options.engine, options.near);
    this.#near = near;
    if (options.journal !== undefined) {
      const failover = new Failover(options.engine, {
        journal: options.journal,
        apply: (namespace, invalidations) => this.#make(namespace).applyJournal(invalidations),
        keysOf: ({ area, kind, value }) => {
          if (kind === 'key') return [options.keys.cache(area, value)];
          return kind === 'tag' ? [options.keys.cacheTags(area)] : undefined;
        },
        recent: () => [...near.recent()].filter((kept) => this.#isCurrent(kept)),
      });
      near.onInterrupt((entries) => failover.inherit([...entries].filter((kept) => this.#isCurrent(kept))));
      this.#failover = failover;
    }
    const bounded = Object.entries(options.namespaces).flatMap(([name, { maxEntries }]): [string, number][] =>
      maxEntries === undefined ? [] : [[name, maxEntries]],
    );
    this.#usage = new Usage({
      engine: options.engine,
      keys: options.keys,
      maxEntries: new Map(bounded),
      remove: (namespace, oldest) => this.#make(namespace).evict(oldest),
      ...options.usage,
    });
    this.#declared = new Map(
      Object.entries(options.namespaces).map(([name, namespace]) => [name, this.#create(name, namespace, name)]),
    );
  }

  /**
   * @throws InvalidKeyError for a name that cannot be one
   * @throws NamespaceUnknownError for one that is not declared
   */
  get(namespace: string): Cache {
    const known = this.#declared.get(namespace) ?? this.#undeclared.get(namespace);
    if (known !== undefined) return known;
    if (!isName(namespace)) {
      const message = 'must be 1 to 64 characters of A-Z a-z 0-9 . _ -';
      throw new InvalidKeyError(`The namespace ${message}.`, { issues: [{ path: 'namespace', message }] });
    }
    if (this.#options.allowUndeclared !== true) throw new NamespaceUnknownError(namespace, this.names());
    return this.#make(namespace);
  }

  /** Declared namespaces, in the order of their declaration. */
  names(): string[] {
    return [...this.#declared.keys()];
  }

  /** Whether the caches stand in for Redis right now; in a cluster, be it for the keys of one master. */
  get isAway(): boolean {
    return this.#failover?.isAway === true;
  }

  /** Whether they stand in for it where this key is concerned. @throws InvalidKeyError */
  isAwayFor(namespace: string, key: string): boolean {
    return this.#failover?.isAwayFor(this.#options.keys.cache(namespace, key)) === true;
  }

  /** Whether they ever do: without a journal calls reject while Redis is away. */
  get canStandIn(): boolean {
    return this.#failover !== undefined;
  }

  /** Invalidations that are kept on disk until Redis can be told; one may stand for a whole namespace. @throws JournalError */
  get pendingInvalidations(): number {
    return this.#failover?.pending ?? 0;
  }

  /** Resolves when what the journal held has been applied, or Redis is away again. */
  async settled(): Promise<void> {
    await this.#failover?.settled();
  }

  /** Writes the counts that are left. To be called before the engine is closed. May be called twice. */
  async close(): Promise<void> {
    await this.#usage.close();
    this.#failover?.close();
    this.#near.close();
  }

  /** Whether an entry of the first tier may be served, as far as its tags are known. An invalidation drops no entries. */
  #isCurrent([key, { entry }]: readonly [string, NearEntry]): boolean {
    if (entry.stamp === null) return true;
    const { keys, engine } = this.#options;
    const namespace = keys.cacheNamespaceOf(key);
    const tags = namespace === undefined ? undefined : this.#near.keptTagState(keys.cacheTags(namespace));
    return ['fresh', 'stale'].includes(freshnessOf(entry, tags ?? null, engine.now()));
  }

  /** A cache also for a namespace that is not declared any more: a journal may still have something for it. */
  #make(namespace: string): Cache {
    const known = this.#declared?.get(namespace) ?? this.#undeclared.get(namespace);
    if (known !== undefined) return known;
    const cache = this.#create(namespace, { ttlMs: UNDECLARED_TTL_MS }, 'other');
    this.#undeclared.set(namespace, cache);
    const oldest = this.#undeclared.keys().next();
    if (this.#undeclared.size > MAX_UNDECLARED && oldest.done !== true) this.#undeclared.delete(oldest.value);
    return cache;
  }

  #create(namespace: string, rules: NamespaceOptions, label: string): Cache {
    const { engine, keys, maxValueBytes } = this.#options;
    return new Cache(
      { ...rules, engine, keys, namespace, label, ...(maxValueBytes === undefined ? {} : { maxValueBytes }) },
      { near: this.#near, usage: this.#usage, ...(this.#failover === undefined ? {} : { failover: this.#failover }) },
    );
  }
}
