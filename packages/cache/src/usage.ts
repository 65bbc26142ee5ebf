import type { Keys } from '@holdfast/redis-core';
import { AccessTracker, type AccessCount, type AccessTrackerOptions } from './access-tracker.ts';
import type { Eviction } from './eviction.ts';
import { IndexRepair } from './index-repair.ts';
import { RecencyIndex, type RecencyIndexOptions } from './recency-index.ts';
import { SizeTracker, type SizeTrackerOptions, type SizeReading } from './size-tracker.ts';

export interface UsageOptions extends Pick<
  AccessTrackerOptions,
  'engine' | 'keys' | 'flushIntervalMs' | 'heldOf' | 'now'
> {
  /** As that of the index of each namespace. */
  readonly refreshEvery?: number;
  /** As that of the size tracker. */
  readonly sizeCacheTtlMs?: number;
  /** The namespaces that have an index, with their bounds; `null`: without one. */
  readonly maxEntries: ReadonlyMap<string, number | null>;
  /** As that of the index of each namespace, without telling this object. */
  readonly remove: (namespace: string, ...call: Parameters<RecencyIndexOptions['remove']>) => Promise<Eviction[]>;
  /** As that of the size tracker. */
  readonly countServed?: SizeTrackerOptions['countServed'];
}

/**
 * What is known of the use of all namespaces of a process. A cache tells it what it reads, stores and deletes, which never
 * waits and never throws; what it learns from that is written in batches.
 */
export class Usage {
  readonly #access: AccessTracker;
  readonly #sizes: SizeTracker;
  readonly #repair: IndexRepair;
  readonly #indexes: ReadonlyMap<string, RecencyIndex>;
  /** Those whose names come in with the entries: where one script reaches both. */
  readonly #kept: ReadonlyMap<string, IndexSets>;

  constructor({ maxEntries, remove, countServed, ...options }: UsageOptions) {
    const { engine, keys, now, flushIntervalMs, refreshEvery, sizeCacheTtlMs } = options;
    const clock = now === undefined ? {} : { now };
    this.#access = new AccessTracker({
      ...options,
      keepsRecency: (namespace) => typeof maxEntries.get(namespace) === 'number',
    });
    const notesWrites = engine.slotOf !== undefined;
    this.#kept = new Map(
      notesWrites ? [] : Array.from(maxEntries.keys(), (namespace) => [namespace, indexSets(keys, namespace)]),
    );
    this.#indexes = new Map(
      Array.from(maxEntries, ([namespace, bound]) => [
        namespace,
        new RecencyIndex({
          engine,
          keys,
          namespace,
          maxEntries: bound,
          notesWrites,
          remove: (oldest) => remove(namespace, oldest),
          onRead: (reading) => this.#repair.noticed(namespace, reading),
          onLost: () => void this.#repair.lost(namespace),
          ...clock,
          ...(flushIntervalMs === undefined ? {} : { flushIntervalMs }),
          ...(refreshEvery === undefined ? {} : { refreshEvery }),
        }),
      ]),
    );
    this.#repair = new IndexRepair({
      engine,
      keys,
      indexes: this.#indexes,
      walk: () => this.#sizes.refresh({ anew: true }),
      now: now ?? ((): number => engine.now()),
    });
    this.#sizes = new SizeTracker({
      engine,
      keys,
      countServed,
      visitor: this.#repair,
      ...clock,
      ...(sizeCacheTtlMs === undefined ? {} : { sizeCacheTtlMs }),
    });
  }

  /** An entry was served, from whichever tier. */
  read(namespace: string, key: string): void {
    this.#access.hit(namespace, key);
  }

  /** An entry was stored; `expiresAt` in milliseconds since the epoch, `null`: never. */
  written(namespace: string, key: string, expiresAt: number | null): void {
    this.#indexes.get(namespace)?.written(key, expiresAt);
  }

  /** To be waited for after many writes: until the namespace is within its bound again. Never rejects. */
  async relieve(namespace: string): Promise<void> {
    await this.#indexes.get(namespace)?.relieve();
  }

  /** The sets of a namespace's index, for the scripts that keep it with the entries. `undefined` where none does. */
  keptIndex(namespace: string): IndexSets | undefined {
    return this.#kept.get(namespace);
  }

  /** An entry was deleted. */
  removed(namespace: string, key: string): void {
    this.#indexes.get(namespace)?.removed(key);
  }

  /** The last known size; no command. `null` until there is one. */
  size(namespace: string): SizeReading | null {
    const known = this.#indexSize(namespace);
    return known?.isEstimate === false ? known : atLeast(known, this.#sizes.size(namespace));
  }

  /**
   * The size as it can be known now: of a namespace with a complete index what that says (one command), else the last count, else
   * an estimate. `null` where Redis cannot be asked and nothing is known.
   */
  async measure(namespace: string): Promise<SizeReading | null> {
    const reading = await this.#indexes
      .get(namespace)
      ?.read()
      .catch(() => null);
    const known = this.#indexSize(namespace);
    if (known?.isEstimate !== false) return atLeast(known, await this.#sizes.measure(namespace));
    if (reading !== null) this.#repair.check(namespace);
    return known;
  }

  /**
   * The sizes of these namespaces, for somebody who only watches: it begins neither a walk over all keys nor a repair. One command
   * for each that has an index, and 7 at most for all others together, where nobody has counted within `maxAgeMs`. @throws the engine's error
   */
  async glance(namespaces: readonly string[], maxAgeMs: number): Promise<ReadonlyMap<string, SizeReading>> {
    await Promise.all(namespaces.map(async (namespace) => this.#indexes.get(namespace)?.glance()));
    const isCounted = (known: SizeReading | null): boolean => known?.isEstimate === false;
    const areCounted = namespaces.every((namespace) => isCounted(this.#indexSize(namespace)));
    const counted = areCounted ? undefined : await this.#sizes.glance(maxAgeMs);
    const sizes = new Map<string, SizeReading>();
    for (const namespace of namespaces) {
      const known = this.#indexSize(namespace);
      const size = isCounted(known) ? known : atLeast(known, counted?.(namespace) ?? null);
      if (size !== null) sizes.set(namespace, size);
    }
    return sizes;
  }

  /** The index of a namespace, where it has one. */
  index(namespace: string): RecencyIndex | undefined {
    return this.#indexes.get(namespace);
  }

  /** The index of a namespace, if it knows every entry now. One command; none where there is no index. */
  async completeIndex(namespace: string): Promise<RecencyIndex | undefined> {
    const index = this.#indexes.get(namespace);
    if (index === undefined) return undefined;
    return (await index.read()).isComplete ? index : undefined;
  }

  /** What the index says: all, or those that it knows already. */
  #indexSize(namespace: string): SizeReading | null {
    const lastCount = this.#indexes.get(namespace)?.lastCount ?? null;
    if (lastCount === null) return null;
    return { entries: lastCount.entries, countedAt: lastCount.at, isEstimate: !lastCount.isComplete };
  }

  /** Entries of a namespace that this process evicted. */
  evictions(namespace: string): number {
    return this.#indexes.get(namespace)?.evictions ?? 0;
  }

  /** The keys that were read most, over all processes. One command. */
  top(namespace: string, limit?: number): Promise<AccessCount[]> {
    return this.#access.top(namespace, limit);
  }

  /** Writes what is left. To be called before the engine is closed. May be called twice. */
  async close(): Promise<void> {
    await Promise.all([
      this.#access.close(),
      this.#sizes.close(),
      this.#repair.close(),
      ...Array.from(this.#indexes.values(), (index) => index.close()),
    ]);
  }
}

/** The keys of the sets of an index: of names by their last use, and by their expiry. */
export type IndexSets = readonly [recency: string, expiry: string];

function indexSets(keys: Keys, namespace: string): IndexSets {
  return [keys.access(namespace, 'recency'), keys.access(namespace, 'expiry')];
}

/** What was counted, unless the index knows of more by now. */
function atLeast(known: SizeReading | null, counted: SizeReading | null): SizeReading | null {
  return counted === null || (known !== null && known.entries > counted.entries) ? known : counted;
}
