import { InvalidKeyError, isName, type Keys, type RedisEngine } from '@holdfast/redis-core';
import { Cache } from './cache.ts';
import { NamespaceUnknownError } from './errors.ts';
import { Fallback, type InvalidationJournal } from './fallback.ts';
import { L1Cache, type L1Options } from './l1-cache.ts';
import type { KeptEntry } from './kept-entries.ts';
import { checkRegistryOptions } from './option-rules.ts';
import type { NamespaceOptions } from './options.ts';
import { OwnChanges } from './own-changes.ts';
import type { SizeReading } from './size-tracker.ts';
import { freshnessOf } from './staleness.ts';
import { Usage, type UsageOptions } from './usage.ts';

export interface CacheRegistryOptions {
  readonly engine: RedisEngine;
  readonly keys: Keys;
  readonly namespaces: Readonly<Record<string, NamespaceOptions>>;
  /** Whether a namespace that is not declared may be used. Default false. */
  readonly allowUndeclared?: boolean;
  readonly maxValueBytes?: number;
  /** What `getOrSet` does where Redis fails and no fallback answers: see `CacheOptions`. Default `serve`. */
  readonly onL2Error?: 'serve' | 'throw';
  /** As that of each `Cache`. */
  readonly batchSize?: number;
  /** An L1 of this registry's own, shared by all its namespaces. Default: the one of the engine, which other caches use too. */
  readonly l1?: L1Options;
  /** How often counted reads and writes are noted, and how old a size may be. */
  readonly usage?: Pick<UsageOptions, 'flushIntervalMs' | 'refreshEvery' | 'sizeCacheTtlMs' | 'now'>;
  /** With it the caches fall back to memory while Redis is away; without it they reject. */
  readonly journal?: InvalidationJournal;
}

/** How many undeclared namespaces keep their statistics; beyond it the oldest is forgotten. Its entries stay. */
const MAX_UNDECLARED = 1000;
/** Time to live of what is written there. */
const UNDECLARED_TTL_MS = 5 * 60 * 1000;

/** The namespaces of a service, one `Cache` each, over one L1 and one fallback. */
export class CacheRegistry {
  readonly #options: CacheRegistryOptions;
  readonly #l1: L1Cache;
  /** How to end what this registry has begun, and no other. */
  readonly #stops: (() => void)[] = [];
  readonly #fallback: Fallback | undefined;
  readonly #usage: Usage;
  readonly #declared: ReadonlyMap<string, Cache>;
  readonly #undeclared = new Map<string, Cache>();

  /** @throws OptionInvalidError naming the option that is not allowed */
  constructor(options: CacheRegistryOptions) {
    checkRegistryOptions(options);
    this.#options = options;
    const l1 = options.l1 === undefined ? L1Cache.of(options.engine) : new L1Cache(options.engine, options.l1);
    this.#l1 = l1;
    if (options.l1 !== undefined) this.#stops.push(() => l1.close());
    if (options.journal !== undefined) {
      const fallback = new Fallback(options.engine, {
        journal: options.journal,
        apply: (namespace, invalidations) => this.#make(namespace).applyJournal(invalidations),
        keysOf: ({ area, kind, value }) => {
          if (kind === 'key') return [options.keys.cache(area, value)];
          return kind === 'tag' ? [options.keys.cacheTags(area)] : undefined;
        },
        recent: () => [...l1.recent()].filter((kept) => this.#isCurrent(kept)),
      });
      this.#stops.push(
        () => fallback.close(),
        l1.onInterrupt((entries) => fallback.inherit([...entries].filter((kept) => this.#isCurrent(kept)))),
        // Also of caches without it: what they change while Redis is there is not to be served in an outage that follows.
        OwnChanges.of(options.engine).listen(fallback.ownChanges),
      );
      this.#fallback = fallback;
    }
    const indexed = Object.entries(options.namespaces).filter(([, rules]) => hasIndex(rules));
    this.#usage = new Usage({
      engine: options.engine,
      keys: options.keys,
      maxEntries: new Map(indexed.map(([name, { maxEntries = null }]) => [name, maxEntries])),
      heldOf: (entries, tagsKey) => l1.heldOf(entries, tagsKey),
      remove: (namespace, oldest) => this.#make(namespace).evict(oldest),
      // What somebody else has put below our prefix may have a name that no namespace can have.
      countServed: async (namespace, complete) =>
        isName(namespace) ? this.#make(namespace).countServed(complete) : complete.length,
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

  /** What the process keeps of all namespaces together. */
  get l1(): Pick<L1Cache, 'bytes' | 'maxBytes'> {
    return this.#l1;
  }

  /** How many entries a declared namespace may have; `undefined`: any number. */
  maxEntriesOf(namespace: string): number | undefined {
    return this.#options.namespaces[namespace]?.maxEntries;
  }

  /**
   * The sizes of the declared namespaces, for somebody who only watches: counted by an index, or no longer ago than `maxAgeMs`,
   * else estimated. Begins no walk over all keys; a few commands. @throws the engine's error
   */
  async glanceAtSizes(maxAgeMs: number): Promise<ReadonlyMap<string, SizeReading>> {
    return this.#usage.glance(this.names(), maxAgeMs);
  }

  /** Whether the caches use their fallback right now; in a cluster, be it for the keys of one master. */
  get isOnFallback(): boolean {
    return this.#fallback?.isActive === true;
  }

  /** Whether they use it where this key is concerned. @throws InvalidKeyError */
  isOnFallbackFor(namespace: string, key: string): boolean {
    return this.#fallback?.isActiveFor(this.#options.keys.cache(namespace, key)) === true;
  }

  /** Whether they ever do: without a journal calls reject while Redis is away. */
  get hasFallback(): boolean {
    return this.#fallback !== undefined;
  }

  /** Invalidations that are kept on disk until Redis can be told; one may stand for a whole namespace. */
  get pendingInvalidations(): number {
    return this.#fallback?.pending ?? 0;
  }

  /** Resolves when what the journal held has been applied, or Redis is away again. */
  async settled(): Promise<void> {
    await this.#fallback?.settled();
  }

  /** Writes the counts that are left. To be called before the engine is closed. May be called twice. */
  async close(): Promise<void> {
    await this.#usage.close();
    for (const stop of this.#stops) stop();
  }

  /** Whether an entry of L1 may be served, as far as its tags are known. An invalidation drops no entries. */
  #isCurrent([key, { entry }]: readonly [string, KeptEntry]): boolean {
    if (entry.stamp === null) return true;
    const { keys, engine } = this.#options;
    const namespace = keys.cacheNamespaceOf(key);
    const tags = namespace === undefined ? undefined : this.#l1.knownTags(keys.cacheTags(namespace));
    return ['fresh', 'stale'].includes(freshnessOf(entry, tags?.verdictOf(entry) ?? 'invalid', engine.now()));
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
    const { engine, keys, maxValueBytes, onL2Error, batchSize } = this.#options;
    return new Cache(
      {
        ...rules,
        engine,
        keys,
        namespace,
        label,
        ...(maxValueBytes === undefined ? {} : { maxValueBytes }),
        ...(onL2Error === undefined ? {} : { onL2Error }),
        ...(batchSize === undefined ? {} : { batchSize }),
      },
      { l1: this.#l1, usage: this.#usage, ...(this.#fallback === undefined ? {} : { fallback: this.#fallback }) },
    );
  }
}

function hasIndex({ maxEntries, indexed = false }: NamespaceOptions): boolean {
  return indexed || maxEntries !== undefined;
}
