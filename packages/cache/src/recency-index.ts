import type { Keys, RedisEngine } from '@holdfast/redis-core';
import { publishEviction } from './channels.ts';
import type { Eviction, Victim } from './eviction.ts';
import { MAX_KEYS_PER_UPDATE, recencyUpdate } from './recency-script.ts';

export interface RecencyIndexOptions {
  readonly engine: RedisEngine;
  readonly keys: Keys;
  readonly namespace: string;
  /** More entries than this, and those that were used longest ago go. At least 1. */
  readonly maxEntries: number;
  /**
   * Deletes entries for eviction, from this process' memory too, and without a call of `removed`; but for those that were
   * written after `usedAt`. Says of each what became of it.
   */
  readonly remove: (victims: readonly Victim[]) => Promise<readonly Eviction[]>;
  /** So many writes are noted together. Default 10. */
  readonly refreshEvery?: number;
  /** And at least so often, while there are any. Default 5 seconds. */
  readonly flushIntervalMs?: number;
  /** Milliseconds since the epoch. Default: the server's clock, as the engine knows it. */
  readonly now?: () => number;
  /** As in the events of the cache. Default: the namespace. */
  readonly label?: string;
}

/** A write with when it expires (`null`: never), or a removal. */
interface Note {
  readonly at: number;
  readonly expiresAt: number | null | 'removed';
}

/** More than a few are only needed where others go on writing, and they can evict themselves. */
const CLOSING_ROUNDS = 10;
/** Notes that wait while Redis is away. Beyond it the oldest are given up: those entries are found at their next use. */
const MAX_PENDING = 20_000;

/**
 * Keeps the number of a namespace's entries within `maxEntries` by evicting what was used longest ago. Redis holds the
 * entries' names by the time of their last use, and by the time at which they expire, so that those that are gone
 * do not count.
 *
 * Writes are noted ten together: one command more per ten. Reads come along with the access counts. So between two notes
 * a namespace may hold a few entries more than its bound, per process; and what a process that was killed wrote last is
 * unknown until it is read or written again.
 *
 * Eviction is in steps: a script names at most 100 of the oldest (it removes nothing, as in a cluster the entries live
 * elsewhere), `remove` deletes them unless they were written since, and the next note forgets their names, except of those
 * used since. A process that dies in between has lost nothing: the next one finds the same names.
 */
export class RecencyIndex {
  readonly #options: RecencyIndexOptions;
  readonly #now: () => number;
  #notes = new Map<string, Note>();
  #sinceFlush = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  /** Since the last step failed: the next try is the timer's, and a write costs no more than its note. */
  #failed = false;
  #closed = false;
  #count: number | null = null;
  #countedAt = 0;
  #evictions = 0;

  constructor(options: RecencyIndexOptions) {
    this.#options = options;
    this.#now = options.now ?? ((): number => options.engine.now());
  }

  /** Entries that this process evicted. */
  get evictions(): number {
    return this.#evictions;
  }

  /** How many entries there were at the last note, and when that was; `null` before the first. No command. */
  get lastCount(): { readonly entries: number; readonly at: number } | null {
    return this.#count === null ? null : { entries: this.#count, at: this.#countedAt };
  }

  /** To be told of each entry that was stored. Never waits, never throws. */
  written(key: string, expiresAt: number | null): void {
    this.#note(key, { at: this.#now(), expiresAt });
  }

  /** To be told of each entry that was deleted. Never waits, never throws. */
  removed(key: string): void {
    this.#note(key, { at: this.#now(), expiresAt: 'removed' });
  }

  /** How many entries there are now. One command. */
  async size(): Promise<number> {
    const { engine, keys, namespace } = this.#options;
    return this.#counted(await engine.zcard(keys.access(namespace, 'recency')));
  }

  /** Writes what was noted and evicts what is too much. Never rejects; while Redis is away what was noted is kept. */
  async flush(): Promise<void> {
    await this.#flushing;
    if (this.#flushing === undefined && this.#notes.size > 0) {
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

  #note(key: string, note: Note): void {
    if (this.#closed) return;
    // At the end of the map, so that the oldest note is the first.
    this.#notes.delete(key);
    this.#notes.set(key, note);
    this.#bound();
    this.#sinceFlush += 1;
    const isDue = this.#sinceFlush >= (this.#options.refreshEvery ?? 10);
    if (isDue && this.#flushing === undefined && !this.#failed) void this.flush();
    else this.#schedule();
  }

  #bound(): void {
    for (const oldest of this.#notes.keys()) {
      if (this.#notes.size <= MAX_PENDING) return;
      this.#notes.delete(oldest);
    }
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#closed || this.#notes.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, this.#options.flushIntervalMs ?? 5000);
    this.#timer.unref();
  }

  /** One step after another, never side by side: each is short, and Redis serves others in between. */
  async #write(): Promise<void> {
    this.#sinceFlush = 0;
    for (;;) {
      const taken = [...this.#notes].slice(0, MAX_KEYS_PER_UPDATE);
      for (const [key] of taken) this.#notes.delete(key);
      let step: Step;
      try {
        step = await this.#update(taken);
        this.#failed = false;
      } catch {
        this.#failed = true;
        this.#putBack(taken);
        return;
      }
      try {
        await this.#evict(step.tooMany);
      } catch {
        // They keep their place as the oldest, and are named again.
        return;
      }
      // A full step means that there may be more of it. What was evicted by one that was not is forgotten at the next note.
      if (this.#notes.size < MAX_KEYS_PER_UPDATE && !step.isFull) return;
    }
  }

  async #update(taken: readonly (readonly [string, Note])[]): Promise<Step> {
    const { engine, keys, namespace, maxEntries } = this.#options;
    const writes: string[] = [];
    const removals: string[] = [];
    for (const [key, { at, expiresAt }] of taken) {
      if (expiresAt === 'removed') removals.push(key, String(at));
      else writes.push(key, String(at), String(expiresAt ?? 0));
    }
    const [count, expired, ...oldest] = await engine.run(
      recencyUpdate,
      [keys.access(namespace, 'recency'), keys.access(namespace, 'expiry')],
      [this.#now(), maxEntries, MAX_KEYS_PER_UPDATE, writes.length / 3].map(String).concat(writes, removals),
    );
    const tooMany = Array.from({ length: oldest.length / 2 }, (_, index): Victim => {
      return { key: String(oldest[index * 2]), usedAt: Number(oldest[index * 2 + 1]) };
    });
    this.#counted(Number(count) - tooMany.length);
    return { tooMany, isFull: Math.max(Number(expired), tooMany.length) >= MAX_KEYS_PER_UPDATE };
  }

  async #evict(tooMany: readonly Victim[]): Promise<void> {
    // Written or read here since: no longer the oldest, and told at the next note.
    const victims = tooMany.filter(({ key }) => !this.#notes.has(key));
    if (victims.length === 0) return;
    const outcomes = await this.#options.remove(victims);
    for (const [index, { key, usedAt }] of victims.entries()) {
      const outcome = outcomes[index] ?? 'missing';
      if (this.#notes.has(key)) continue;
      // Stored anew by somebody who has not told yet, or never will: it counts, and is not the oldest.
      if (typeof outcome === 'object') this.#notes.set(key, { at: outcome.writtenAt, expiresAt: outcome.expiresAt });
      else this.#notes.set(key, { at: usedAt, expiresAt: 'removed' });
    }
    const count = outcomes.filter((outcome) => outcome === 'removed').length;
    if (count === 0) return;
    this.#evictions += count;
    publishEviction({ namespace: this.#options.label ?? this.#options.namespace, count });
  }

  #putBack(taken: readonly (readonly [string, Note])[]): void {
    this.#notes = new Map([...taken, ...this.#notes]);
    this.#bound();
  }

  #counted(entries: number): number {
    this.#count = entries;
    this.#countedAt = this.#now();
    return entries;
  }
}

interface Step {
  /** The entries to evict. */
  readonly tooMany: readonly Victim[];
  readonly isFull: boolean;
}
