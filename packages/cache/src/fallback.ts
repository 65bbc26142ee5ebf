import { HoldfastError, type RedisEngine, UnavailableError } from '@holdfast/redis-core';
import type { Entry } from './entry.ts';
import { LostSlots } from './lost-slots.ts';
import { KeptEntries, keptEntry, type KeptEntry } from './kept-entries.ts';
import { NotedHere } from './noted-here.ts';
import type { OwnChangeListener } from './own-changes.ts';

/** Where invalidations are kept while Redis is away, so that they survive the process. */
export interface InvalidationJournal {
  /**
   * Keeps them, durably; the newest per area, kind and value. At its bound it keeps one `all` for the area instead.
   * Rejects when they cannot be kept, or that is not known: then the write they belong to must fail.
   */
  append(...invalidations: readonly Invalidation[]): Promise<void>;
  /** As far as is known without asking. */
  pending(): number;
  /** Has it told when there may be others than were known. */
  onOpen(listener: () => void): () => void;
  /** The oldest, in order; with `after` those that follow that id. */
  read(limit: number, after?: number): Promise<readonly JournaledInvalidation[]>;
  remove(ids: readonly number[]): Promise<void>;
}

export interface JournaledInvalidation extends Invalidation {
  readonly id: number;
}

export interface Invalidation {
  /** The namespace. */
  readonly area: string;
  readonly kind: 'key' | 'tag' | 'prefix' | 'all';
  /** The key, the tag or the prefix; empty for `all`. */
  readonly value: string;
  readonly mode: 'delete' | 'expire';
}

export interface FallbackOptions {
  readonly journal: InvalidationJournal;
  /** Applies journaled invalidations of one namespace to Redis. */
  readonly apply: (area: string, invalidations: readonly Invalidation[]) => Promise<void>;
  /** The keys that Redis has to be asked for to apply one; `undefined`: any. */
  readonly keysOf: (invalidation: Invalidation) => readonly string[] | undefined;
  /** What L1 holds where Redis reports no changes, and may serve right now. */
  readonly recent: () => Iterable<[string, KeptEntry]>;
}

/** The two connections of an engine do not break in the same moment: so long before an outage tracking may have ended. */
const INHERITANCE_MS = 2000;
const RETRY_MS = 250;
/** Of entries that are kept while Redis is away. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * The fallback: what the caches of one engine do while Redis is away. They serve and write a memory of this process, and note in the
 * journal what Redis has to forget. When Redis is back, the journal is applied before this process reads Redis again,
 * and the memory is dropped.
 *
 * In a cluster the same holds for the slots of each master by itself. A slot for which something was noted or kept is held:
 * its keys stay here, whichever master owns it by then, until what was noted for it has been applied.
 */
export class Fallback {
  readonly #engine: RedisEngine;
  readonly #options: FallbackOptions;
  readonly #memory: KeptEntries;
  readonly #slots: LostSlots;
  #isAway: boolean;
  #returning: Promise<void> | undefined;
  #mustReturnAgain = false;
  readonly #stops: readonly (() => void)[];
  #inheritedAt = -Infinity;
  #closed = false;
  /** Invalidations on their way to the journal. */
  readonly #noting = new Set<Promise<void>>();
  readonly #notedHere = new NotedHere();
  /** Whether that is all that is known to be in the journal. */
  #isAllNotedHere: boolean;
  /** Those that come last wait here, so that the journal can be found empty. */
  #gate: Promise<void> | undefined;

  constructor(engine: RedisEngine, options: FallbackOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#memory = new KeptEntries(MAX_BYTES, { serverNow: () => engine.now() });
    this.#slots = new LostSlots(engine);
    // What an earlier process could not tell Redis comes first. An engine that still connects is not away: calls wait for
    // the outcome of its first attempt, and what they write is not lost to a memory that is dropped a moment later.
    this.#isAway = options.journal.pending() > 0;
    this.#isAllNotedHere = !this.#isAway;
    this.#stops = [
      engine.onAvailability((available) => {
        if (available) this.#return();
        else this.#leave();
      }),
      engine.onSlots?.(() => this.#look()) ?? ((): void => undefined),
      options.journal.onOpen(() => this.#takeUp()),
    ];
    if (engine.status.available && this.#isAway) this.#return();
  }

  /** Whether the caches are on their own, be it for some keys: from the outage until the journal has been applied. */
  get isActive(): boolean {
    return this.#isAway || !this.#slots.areNone;
  }

  /** Whether they are for all keys. */
  get isActiveForAll(): boolean {
    return this.#isAway;
  }

  /** Invalidations that Redis has to be told of, on disk. */
  get pending(): number {
    return this.#options.journal.pending();
  }

  /** Whether they are for this key (a complete one). */
  isActiveFor(key: string): boolean {
    return this.#isAway || this.#slots.has(key);
  }

  /** Whether the fallback answers where a call for a key failed: Redis is away, not merely slow this once. */
  answersFor(error: unknown, key: string): boolean {
    if (!isOutage(error)) return false;
    if (this.#engine.status.available) return this.#slots.has(key);
    this.#leave();
    return true;
  }

  /** The same for a call that concerns any key. */
  answersForSome(error: unknown): boolean {
    if (!isOutage(error)) return false;
    if (this.#engine.status.available) return !this.#slots.areNone;
    this.#leave();
    return true;
  }

  get(key: string): Entry | undefined {
    return this.#memory.get(key)?.entry;
  }

  /** Keeps an entry, as long as Redis is away for its key. */
  set(key: string, entry: Entry): void {
    if (!this.isActiveFor(key)) return;
    this.#slots.hold([key]);
    this.#memory.set(key, keptEntry(key, entry, Infinity));
  }

  /** Notes what Redis has to forget, in one step of the disk; then the memory forgets the keys that it covers. */
  async invalidate(invalidations: readonly Invalidation[], keys: readonly string[]): Promise<void> {
    const isLate = this.#gate !== undefined;
    await this.#gate;
    const noting = this.#note(invalidations);
    this.#noting.add(noting);
    try {
      await noting;
    } finally {
      this.#noting.delete(noting);
    }
    this.#notedHere.add(invalidations);
    for (const invalidation of invalidations) this.#slots.hold(this.#options.keysOf(invalidation));
    this.forget(keys);
    if (!isLate || !this.#engine.status.available) return;
    // The journal has been applied before this came to it: Redis is to be told of this before its caller is.
    this.#return();
    await this.settled();
  }

  async #note(invalidations: readonly Invalidation[]): Promise<void> {
    try {
      await this.#options.journal.append(...invalidations);
    } catch (error) {
      throw new UnavailableError('Redis is away, and its invalidation could not be kept on disk either.', {
        cause: error,
      });
    }
  }

  /** What any cache of the engine does with Redis itself. During an outage it is what is changed. */
  readonly ownChanges: OwnChangeListener = {
    onKey: (key, isNews) => {
      if (isNews && !this.isActiveFor(key)) this.#memory.delete(key);
    },
    onPrefix: (prefix) => this.#forgetWhere(prefix, () => true),
    onTags: (prefix, tags) => this.#forgetWhere(prefix, (entry) => tags.some((tag) => entry.tags.includes(tag))),
  };

  /** Redis itself was told to forget them. */
  forget(keys: readonly string[]): void {
    for (const key of keys) this.#memory.delete(key);
  }

  /** What it holds of a namespace. */
  *entries(prefix: string): Generator<[string, Entry]> {
    for (const [key, { entry }] of this.#memory.entries()) if (key.startsWith(prefix)) yield [key, entry];
  }

  /** What L1 held when tracking ended: it is the fallback of an outage that follows, in the place of what was. */
  inherit(entries: Iterable<[string, KeptEntry]>): void {
    this.#inheritedAt = performance.now();
    // What stood by before has not been heard about since.
    for (const key of this.#keys()) if (!this.isActiveFor(key)) this.#memory.delete(key);
    for (const [key, { entry }] of entries) this.#memory.set(key, keptEntry(key, entry, Infinity));
  }

  /** Resolves when the journal has been applied, or when that failed because Redis is away again. */
  async settled(): Promise<void> {
    await this.#returning;
  }

  close(): void {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#memory.close();
  }

  #leave(): void {
    if (this.#isAway) return;
    this.#isAway = true;
    if (performance.now() - this.#inheritedAt > INHERITANCE_MS) {
      for (const key of this.#keys()) if (!this.#slots.has(key)) this.#memory.delete(key);
    }
    this.#takeRecent(() => true);
  }

  /** Masters went away or came back. */
  #look(): void {
    this.#slots.look();
    if (!this.#isAway && !this.#slots.areNone) this.#takeRecent((key) => this.#slots.isLost(key));
    if (this.#engine.status.available && (this.#isAway || this.#slots.areAnyHeld)) this.#return();
  }

  /** Where Redis reports no changes L1 keeps what it read for a moment: of that moment it is the fallback. */
  #takeRecent(isWanted: (key: string) => boolean): void {
    for (const [key, { entry }] of this.#options.recent()) {
      if (isWanted(key) && this.#memory.get(key) === undefined) this.set(key, entry);
    }
  }

  #return(): void {
    if (this.#returning !== undefined) {
      this.#mustReturnAgain = true;
      return;
    }
    this.#mustReturnAgain = false;
    this.#returning = this.#applyJournal().finally(() => {
      this.#returning = undefined;
      if (this.#mustReturnAgain) this.#return();
    });
  }

  /** The journal was opened late, or anew. What it holds of an earlier process comes first, as at the start. */
  #takeUp(): void {
    if (this.#options.journal.pending() === 0) return;
    this.#isAllNotedHere = false;
    if (this.#slots.areNone) this.#leave();
    if (this.#engine.status.available) this.#return();
  }

  async #applyJournal(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    try {
      await this.#applyNoted();
      // What is being noted right now comes into the journal behind what was read. No more is added to it meanwhile.
      this.#gate = promise;
      await Promise.allSettled(this.#noting);
      const left = await this.#applyNoted();
      if (!this.#closed && this.#engine.status.available) this.#settle(left);
    } catch {
      // Away again, or not ready to be written to: what is left stays in the journal. Applying twice is harmless.
      if (this.#closed || !this.#engine.status.available) return;
      const timer = setTimeout(() => this.#return(), RETRY_MS);
      timer.unref();
    } finally {
      this.#gate = undefined;
      resolve();
    }
  }

  /** Applies what can be, master by master. @returns what cannot */
  async #applyNoted(): Promise<readonly Invalidation[]> {
    const left: Invalidation[] = [];
    try {
      for (let batch = await this.#read(); batch.length > 0; batch = await this.#read(batch.at(-1)?.id)) {
        left.push(...(await this.#apply(batch, async (applied) => this.#remove(applied))));
      }
    } catch (error) {
      if (!(error instanceof JournalFailure) || !this.#isAllNotedHere) throw error;
      // Its disk fails. What it still holds is applied once more when it is opened again, which is harmless.
      return this.#apply(this.#notedHere.list(), async () => Promise.resolve());
    }
    if (left.length === 0) {
      this.#notedHere.clear();
      this.#isAllNotedHere = true;
    }
    return left;
  }

  async #apply<One extends Invalidation>(
    noted: readonly One[],
    onApplied: (applied: readonly One[]) => Promise<void>,
  ): Promise<readonly One[]> {
    const { apply, keysOf } = this.#options;
    const { ready = [], waiting = [] } = Object.groupBy(noted, (one) =>
      this.#slots.canReach(keysOf(one)) ? 'ready' : 'waiting',
    );
    for (const [area, some] of Map.groupBy(ready, (one) => one.area)) {
      await apply(area, some);
      await onApplied(some);
    }
    return waiting;
  }

  async #read(after?: number): Promise<readonly JournaledInvalidation[]> {
    return this.#options.journal.read(500, after).catch(failJournal);
  }

  async #remove(applied: readonly JournaledInvalidation[]): Promise<void> {
    await this.#options.journal.remove(applied.map(({ id }) => id)).catch(failJournal);
  }

  /** The journal holds nothing any more but what concerns masters that are away. */
  #settle(left: readonly Invalidation[]): void {
    const waiting = left.map(this.#options.keysOf);
    // Which slots a whole namespace lacks is known to the process that invalidated it, as long as it lives.
    if (this.#isAway && waiting.includes(undefined)) return;
    const lost = this.#keys().filter((key) => this.#slots.isLost(key));
    this.#slots.holdOnly([...waiting, lost]);
    this.#isAway = false;
    for (const key of this.#keys()) if (!this.#slots.has(key)) this.#memory.delete(key);
  }

  #forgetWhere(prefix: string, isConcerned: (entry: Entry) => boolean): void {
    const concerned = Array.from(this.entries(prefix)).filter(
      ([key, entry]) => !this.isActiveFor(key) && isConcerned(entry),
    );
    this.forget(concerned.map(([key]) => key));
  }

  #keys(): string[] {
    return Array.from(this.#memory.entries(), ([key]) => key);
  }
}

/** The journal could not be read, or what was applied could not be removed from it. */
class JournalFailure extends Error {}

function failJournal(cause: unknown): never {
  throw new JournalFailure('The journal cannot be used.', { cause });
}

function isOutage(error: unknown): boolean {
  return (
    error instanceof HoldfastError && (error.code === 'REDIS_UNAVAILABLE' || error.code === 'REDIS_UNKNOWN_OUTCOME')
  );
}
