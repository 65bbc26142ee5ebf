import type { Keys, RedisEngine, SortedSetPage, SortedSetScanReply } from '@holdfast/redis-core';
import { publishEviction } from './channels.ts';
import type { Eviction, Victim } from './eviction.ts';
import { RecencyNotes, type Note } from './recency-notes.ts';
import { COMPLETE_MARK, isMark, MAX_KEYS_PER_UPDATE, recencyUpdate } from './recency-script.ts';

export interface RecencyIndexOptions {
  readonly engine: RedisEngine;
  readonly keys: Keys;
  readonly namespace: string;
  /** More entries than this, and those that were used longest ago go. At least 1; `null`: any number. */
  readonly maxEntries: number | null;
  /**
   * Deletes entries for eviction, from this process' memory too, and without a call of `removed`; but for those that were
   * written after `usedAt`. Says of each what became of it.
   */
  readonly remove: (victims: readonly Victim[]) => Promise<readonly Eviction[]>;
  /**
   * Whether names come into the index by the notes of `written`. Default true; false where the scripts that write and remove
   * entries keep the names in the same step (`keepingIndex`).
   */
  readonly notesWrites?: boolean;
  /** Called when names were given up, so that the index has to be repaired. */
  readonly onLost?: () => void;
  /** Called after each look. */
  readonly onRead?: (reading: IndexReading) => void;
  /** So many writes are noted together. Default 10. */
  readonly refreshEvery?: number;
  /** And at least so often, while there are any. Default 5 seconds. */
  readonly flushIntervalMs?: number;
  /** Milliseconds since the epoch. Default: the server's clock, as the engine knows it. */
  readonly now?: () => number;
  /** As in the events of the cache. Default: the namespace. */
  readonly label?: string;
}

/** What the index says of a namespace now. */
export interface IndexReading {
  readonly entries: number;
  /** Whether it knows every entry; else there may be any number more. */
  readonly isComplete: boolean;
}

/** All names of an index, and how many commands it took. */
export interface NamePages {
  readonly keys: readonly string[];
  readonly pages: number;
}

const NAMES_PAGE = 1000;
/** More than a few are only needed where others go on writing, and they can evict themselves. */
const CLOSING_ROUNDS = 10;

/**
 * The index of a namespace: Redis holds the names of its entries by the time of their last use, and by the time at which they
 * expire, so that those that are gone do not count. With a bound it keeps their number within `maxEntries` by evicting what was
 * used longest ago.
 *
 * Names come in with their entries, by the scripts that write these; on a cluster, where a script reaches one slot only, by
 * notes, ten together, so that there the index lacks what was written in the last moments. Reads come along with the access
 * counts. Every tenth write the number of entries is looked at, so between two looks a namespace may hold a few entries
 * more than its bound, per process. Whoever writes many waits for the evictions that this takes (`relieve`).
 *
 * Eviction is in steps: a script names at most 100 of the oldest (it removes nothing, as in a cluster the entries live
 * elsewhere), `remove` deletes them unless they were written since, and their names go with them or at the next note, except of
 * those used since. A process that dies in between has lost nothing: the next one finds the same names.
 */
export class RecencyIndex {
  readonly #options: RecencyIndexOptions;
  readonly #now: () => number;
  readonly #notes = new RecencyNotes();
  readonly #notesWrites: boolean;
  #sinceFlush = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  /** Since the last step failed: the next try is the timer's, and a write costs no more than its note. */
  #failed = false;
  #closed = false;
  #count: number | null = null;
  #countedAt = 0;
  #isComplete = false;
  #evictions = 0;

  constructor(options: RecencyIndexOptions) {
    this.#options = options;
    this.#notesWrites = options.notesWrites ?? true;
    this.#now = options.now ?? ((): number => options.engine.now());
  }

  /** Entries that this process evicted. */
  get evictions(): number {
    return this.#evictions;
  }

  /** How many entries there were at the last look, and when that was; `null` before the first. No command. */
  get lastCount(): (IndexReading & { readonly at: number }) | null {
    return this.#count === null ? null : { entries: this.#count, isComplete: this.#isComplete, at: this.#countedAt };
  }

  /** To be told of each entry that was stored. Never waits, never throws. */
  written(key: string, expiresAt: number | null): void {
    if (this.#closed) return;
    if (this.#notesWrites) this.#notes.add(key, { at: this.#now(), expiresAt });
    else if (this.#options.maxEntries === null) return;
    this.#sinceFlush += 1;
    this.#changed();
  }

  /** To be told of each entry that was deleted, where notes bring the names. Never waits, never throws. */
  removed(key: string): void {
    if (this.#closed || !this.#notesWrites) return;
    this.#notes.add(key, { at: this.#now(), expiresAt: 'removed' });
    this.#sinceFlush += 1;
    this.#changed();
  }

  /**
   * To be waited for by whoever wrote many entries: until the index knows them, and no more than some hundred are too many.
   * Never rejects; does not wait while Redis is away.
   */
  async relieve(): Promise<void> {
    const { maxEntries } = this.#options;
    if (this.#failed || this.#closed) return;
    const isFull = maxEntries !== null && (this.#count ?? 0) + this.#sinceFlush > maxEntries + MAX_KEYS_PER_UPDATE;
    const isUnknown = maxEntries !== null && this.#count === null;
    if (isFull || isUnknown || this.#notes.size >= MAX_KEYS_PER_UPDATE) await this.flush();
  }

  /** How many entries there are now. One command, and those for what waits to be noted. */
  async size(): Promise<number> {
    return (await this.read()).entries;
  }

  /** The same, and whether that is all. */
  async read(): Promise<IndexReading> {
    await this.flush();
    const { live, isComplete } = await this.#update([], 0);
    return { entries: live, isComplete };
  }

  /** The same, for somebody who only watches: one command, and nobody is told, so that it begins no repair. */
  async glance(): Promise<IndexReading> {
    const { live, isComplete } = await this.#send([], 0);
    return { entries: live, isComplete };
  }

  /** Corrects what it says of names, without an eviction. @throws the engine's error */
  async correct(notes: readonly (readonly [string, Note])[]): Promise<void> {
    for (let at = 0; at < notes.length; at += MAX_KEYS_PER_UPDATE) {
      await this.#update(notes.slice(at, at + MAX_KEYS_PER_UPDATE), 0);
    }
  }

  /** One page of the names that it knows, in no order; `limit` is a hint. One command. */
  async page(page: SortedSetPage): Promise<SortedSetScanReply> {
    const { engine, keys, namespace } = this.#options;
    const reply = await engine.zscan(keys.access(namespace, 'recency'), page);
    return { ...reply, members: reply.members.filter(({ member }) => !isMark(member)) };
  }

  /** All names, also of entries that are gone by now; `null` where it does not know every entry. One command per 1,000. */
  async names(): Promise<NamePages | null> {
    await this.flush();
    const { engine, keys, namespace } = this.#options;
    const names = new Set<string>();
    let pages = 0;
    for (let cursor: string | null | undefined; cursor !== null; pages += 1) {
      const page = await engine.zscan(keys.access(namespace, 'recency'), {
        count: NAMES_PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const { member } of page.members) names.add(member);
      ({ cursor } = page);
    }
    // It is a member as well: seen, it was there all the time.
    const isComplete = names.has(COMPLETE_MARK);
    this.#options.onRead?.({ entries: names.size, isComplete });
    return isComplete ? { keys: [...names].filter((name) => !isMark(name)), pages } : null;
  }

  /** Writes what was noted and evicts what is too much. Never rejects; while Redis is away what was noted is kept. */
  async flush(): Promise<void> {
    await this.#flushing;
    if (this.#flushing === undefined && this.#isDue()) {
      this.#flushing = this.#write().finally(() => {
        this.#flushing = undefined;
        this.#schedule();
      });
    }
    await this.#flushing;
  }

  /** Writes what was noted and stops. To be called before the engine is closed. May be called twice. */
  async close(): Promise<void> {
    // What was evicted is forgotten too; where an entry was written meanwhile, another one has to go.
    await this.flush();
    for (let round = 0; round < CLOSING_ROUNDS && this.#notes.size > 0; round += 1) await this.flush();
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #changed(): void {
    const isDue = this.#sinceFlush >= (this.#options.refreshEvery ?? 10);
    if (isDue && this.#flushing === undefined && !this.#failed) void this.flush();
    else this.#schedule();
  }

  #isDue(): boolean {
    return this.#notes.size > 0 || this.#sinceFlush > 0;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#closed || !this.#isDue()) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, this.#options.flushIntervalMs ?? 5000);
    this.#timer.unref();
  }

  /** One step after another, never side by side: each is short, and Redis serves others in between. */
  async #write(): Promise<void> {
    this.#sinceFlush = 0;
    let stuckAt: string | undefined;
    for (;;) {
      const taken = this.#notes.take(MAX_KEYS_PER_UPDATE);
      let step: Step;
      try {
        step = await this.#update(taken, this.#options.maxEntries ?? 0);
        this.#failed = false;
      } catch {
        this.#failed = true;
        this.#notes.putBack(taken);
        return;
      }
      if (!this.#notes.wereAllKept()) this.#options.onLost?.();
      let evicted: number;
      try {
        evicted = await this.#evict(step.tooMany);
      } catch {
        // They keep their place as the oldest, and are named again.
        return;
      }
      // What cannot be evicted, as it is being loaded, would be named again and again.
      const first = step.tooMany[0]?.key;
      if (evicted === 0 && first !== undefined && first === stuckAt) return;
      stuckAt = first;
      // A full step means that there may be more of it. What was evicted by one that was not is forgotten at the next note.
      if (this.#notes.size < MAX_KEYS_PER_UPDATE && !step.isFull) return;
    }
  }

  /** `bound`: how many entries there may be; 0: any number. */
  async #update(taken: readonly (readonly [string, Note])[], bound: number): Promise<Step> {
    const step = await this.#send(taken, bound);
    this.#options.onRead?.({ entries: step.live - step.tooMany.length, isComplete: step.isComplete });
    return step;
  }

  async #send(taken: readonly (readonly [string, Note])[], bound: number): Promise<Step> {
    const { engine, keys, namespace } = this.#options;
    const writes: string[] = [];
    const removals: string[] = [];
    for (const [key, { at, expiresAt }] of taken) {
      if (expiresAt === 'removed') removals.push(key, String(at));
      else writes.push(key, String(at), String(expiresAt ?? 0));
    }
    const [, live, isComplete, expired, ...oldest] = await engine.run(
      recencyUpdate,
      [keys.access(namespace, 'recency'), keys.access(namespace, 'expiry')],
      [this.#now(), bound, MAX_KEYS_PER_UPDATE, writes.length / 3].map(String).concat(writes, removals),
    );
    const tooMany = Array.from({ length: oldest.length / 2 }, (_, index): Victim => {
      return { key: String(oldest[index * 2]), usedAt: Number(oldest[index * 2 + 1]) };
    });
    this.#count = Number(live) - tooMany.length;
    this.#countedAt = this.#now();
    this.#isComplete = Number(isComplete) === 1;
    return {
      tooMany,
      live: Number(live),
      isComplete: this.#isComplete,
      isFull: Math.max(Number(expired), tooMany.length) >= MAX_KEYS_PER_UPDATE,
    };
  }

  /** Replies how many entries were evicted. */
  async #evict(tooMany: readonly Victim[]): Promise<number> {
    // Written or read here since: no longer the oldest, and told at the next note.
    const victims = tooMany.filter(({ key }) => !this.#notes.has(key));
    if (victims.length === 0) return 0;
    const outcomes = await this.#options.remove(victims);
    if (this.#notesWrites) this.#noteOutcomes(victims, outcomes);
    const count = outcomes.filter((outcome) => outcome === 'removed').length;
    if (count === 0) return 0;
    this.#evictions += count;
    publishEviction({ namespace: this.#options.label ?? this.#options.namespace, count });
    return count;
  }

  #noteOutcomes(victims: readonly Victim[], outcomes: readonly Eviction[]): void {
    for (const [index, { key, usedAt }] of victims.entries()) {
      const outcome = outcomes[index] ?? 'missing';
      if (this.#notes.has(key)) continue;
      // Stored anew by somebody who has not told yet, or never will: it counts, and is not the oldest.
      if (typeof outcome === 'object') this.#notes.add(key, { at: outcome.writtenAt, expiresAt: outcome.expiresAt });
      else this.#notes.add(key, { at: usedAt, expiresAt: 'removed' });
    }
  }
}

interface Step {
  /** The entries to evict. */
  readonly tooMany: readonly Victim[];
  /** Without those that have expired. */
  readonly live: number;
  readonly isComplete: boolean;
  readonly isFull: boolean;
}
