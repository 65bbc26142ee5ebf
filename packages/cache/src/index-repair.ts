import type { Keys, RedisEngine, ScoredMember } from '@holdfast/redis-core';
import { inspect } from './eviction.ts';
import type { IndexReading, RecencyIndex } from './recency-index.ts';
import type { Note } from './recency-notes.ts';
import { BUILDING_MARK, COMPLETE_MARK, isMark, recencyMark, recencyMissing } from './recency-script.ts';
import type { WalkVisitor } from './size-tracker.ts';

export interface IndexRepairOptions {
  readonly engine: RedisEngine;
  readonly keys: Keys;
  readonly indexes: ReadonlyMap<string, RecencyIndex>;
  /** Begins a walk over all keys of the cache, if nobody walks: this repair is its visitor. */
  readonly walk: () => Promise<void>;
  readonly now: () => number;
}

/** Names and entries are compared at least so often, while a namespace is used. */
const REPAIR_EVERY_MS = 60 * 60 * 1000;
/** When names were found without entries, or the index is not complete, it is tried so often, over all processes. */
const RETRY_MS = 60_000;
/** Another process walks over the keys: it is tried again after so long. */
const BUSY_MS = 5000;
const PAGE = 100;
/** Names of this moment are left alone: their entries may be on their way, or being loaded. */
const RECENT_MS = 60_000;

/**
 * Reconciles the indexes of namespaces with their entries, slowly, by one process for all. Names without entries (Redis has
 * evicted these, or lost them in a failover) are forgotten; entries without names (an older process wrote them, or one that died on a
 * cluster; the index was evicted, or begins now) are found by the walk that counts the sizes. When that has seen every key, the
 * index is marked as complete: only then is it believed that what it does not name is not there.
 */
export class IndexRepair implements WalkVisitor {
  readonly #options: IndexRepairOptions;
  /** Those whose entries are looked for by the next walk. */
  readonly #wanted = new Set<string>();
  #adopting: readonly string[] = [];
  readonly #askedAt = new Map<string, number>();
  readonly #checkedAt = new Map<string, number>();
  /** Where the next check goes on. */
  readonly #cursors = new Map<string, string>();
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: IndexRepairOptions) {
    this.#options = options;
  }

  /** To be told what an index says of itself. Never waits. */
  noticed(namespace: string, { isComplete }: IndexReading): void {
    this.#ask(namespace, isComplete ? REPAIR_EVERY_MS : RETRY_MS);
  }

  /**
   * Looks at some names of a complete index, in turn, and repairs it if many of them have no entry: Redis evicts entries without
   * telling anybody. To be called when somebody asks how many there are; at most 3 commands a minute. Never waits.
   */
  check(namespace: string): void {
    const now = this.#options.now();
    if (this.#closed || now - (this.#checkedAt.get(namespace) ?? -Infinity) < RETRY_MS) return;
    this.#checkedAt.set(namespace, now);
    this.#running = this.#running
      .then(async () => {
        const cursor = this.#cursors.get(namespace);
        const page = await this.#index(namespace).page({ count: PAGE, ...(cursor === undefined ? {} : { cursor }) });
        if (page.cursor === null) this.#cursors.delete(namespace);
        else this.#cursors.set(namespace, page.cursor);
        const names = page.members.slice(0, PAGE);
        const missing = await this.#forgetMissing(namespace, names);
        if (missing > names.length / 20) this.#ask(namespace, RETRY_MS);
        return undefined;
      })
      .catch(() => {});
  }

  /** Names were given up: the index is not complete any more. */
  async lost(namespace: string): Promise<void> {
    await this.#options.engine.zrem(this.#recency(namespace), [COMPLETE_MARK]).catch(() => 0);
    this.#askedAt.delete(namespace);
  }

  async begin(): Promise<void> {
    this.#adopting = [...this.#wanted];
    this.#wanted.clear();
    for (const namespace of this.#adopting) {
      await this.#options.engine.zadd(this.#recency(namespace), [{ member: BUILDING_MARK, score: Infinity }]);
    }
  }

  async visit(page: ReadonlyMap<string, readonly string[]>): Promise<void> {
    for (const namespace of this.#adopting) {
      const found = page.get(namespace) ?? [];
      for (let at = 0; at < found.length; at += PAGE) await this.#adopt(namespace, found.slice(at, at + PAGE));
    }
  }

  async end(): Promise<void> {
    for (const namespace of this.#adopting) {
      await this.#options.engine.run(recencyMark, [this.#recency(namespace)], [BUILDING_MARK, COMPLETE_MARK]);
    }
    this.#adopting = [];
  }

  /** Resolves when what was begun has ended. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  #ask(namespace: string, everyMs: number): void {
    const now = this.#options.now();
    if (this.#closed || now - (this.#askedAt.get(namespace) ?? -Infinity) < everyMs) return;
    this.#askedAt.set(namespace, now);
    this.#running = this.#running
      .then(() => this.#repair(namespace, everyMs))
      .then((isDone) => {
        if (!isDone) this.#askedAt.set(namespace, now - everyMs + BUSY_MS);
        return undefined;
      })
      // Redis is away, or refuses: it is tried again at the next question after a while.
      .catch(() => {
        this.#askedAt.set(namespace, now - everyMs + RETRY_MS);
      });
  }

  /** Replies whether it need not be tried again: one process repairs for all. */
  async #repair(namespace: string, everyMs: number): Promise<boolean> {
    const { engine, keys, now, walk } = this.#options;
    const [last = null] = await engine.mget([keys.indexRepair(namespace)]);
    if (this.#closed || (last !== null && now() - Number(last.toString()) < everyMs)) return true;
    const startedAt = now();
    await this.#forgetAllMissing(namespace);
    this.#wanted.add(namespace);
    // A walk that is under way has begun without this namespace.
    for (let walks = 0; walks < 2 && this.#wanted.has(namespace) && !this.#closed; walks += 1) await walk();
    // Another process walks.
    if (this.#wanted.has(namespace) || this.#closed) return false;
    await engine.set(keys.indexRepair(namespace), String(startedAt), { pxMs: REPAIR_EVERY_MS });
    return true;
  }

  /** Names without entries, all of them. */
  async #forgetAllMissing(namespace: string): Promise<void> {
    for (let cursor: string | null | undefined; cursor !== null && !this.#closed;) {
      const page = await this.#index(namespace).page({ count: PAGE * 10, ...(cursor === undefined ? {} : { cursor }) });
      for (let at = 0; at < page.members.length; at += PAGE) {
        await this.#forgetMissing(namespace, page.members.slice(at, at + PAGE));
      }
      ({ cursor } = page);
    }
  }

  /** Names without entries, among these. Replies how many. */
  async #forgetMissing(namespace: string, members: readonly ScoredMember[]): Promise<number> {
    const { engine, keys, now } = this.#options;
    const before = now() - RECENT_MS;
    const names = members.filter(({ member, score }) => !isMark(member) && score < before);
    if (names.length === 0) return 0;
    const complete = names.map(({ member }) => keys.cache(namespace, member));
    const there = await inspect(engine, complete, now);
    await this.#index(namespace).correct(
      names.flatMap(({ member, score }, place): [string, Note][] => {
        const entry = there[place] ?? null;
        if (entry === null) return [[member, { at: score, expiresAt: 'removed' }]];
        // The set of expiries may have been evicted alone.
        return entry.expiresAt === null ? [] : [[member, { at: score, expiresAt: entry.expiresAt }]];
      }),
    );
    return there.filter((entry) => entry === null).length;
  }

  /** Entries without names, among these. */
  async #adopt(namespace: string, complete: readonly string[]): Promise<void> {
    const { engine, keys, now } = this.#options;
    const names = complete.map((key) => keys.cacheKeyOf(namespace, key));
    const places = await engine.run(recencyMissing, [this.#recency(namespace)], names);
    if (places.length === 0) return;
    const missing = places.map((place) => names[place] ?? '');
    const there = await inspect(
      engine,
      places.map((place) => complete[place] ?? ''),
      now,
    );
    await this.#index(namespace).correct(
      missing.flatMap((name, place): [string, Note][] => {
        const entry = there[place] ?? null;
        return entry === null ? [] : [[name, { at: entry.writtenAt, expiresAt: entry.expiresAt }]];
      }),
    );
  }

  #index(namespace: string): RecencyIndex {
    const index = this.#options.indexes.get(namespace);
    if (index === undefined) throw new Error(`The namespace ${namespace} has no index.`);
    return index;
  }

  #recency(namespace: string): string {
    return this.#options.keys.access(namespace, 'recency');
  }
}
