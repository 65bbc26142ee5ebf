import type { RedisEngine } from '@holdfast/redis-core';
import type { Entry } from './entry.ts';
import { decodeFound, type Found, foreign } from './found.ts';
import { checkL1Options } from './option-rules.ts';
import { OwnChanges } from './own-changes.ts';
import { type KeptCount, KeptEntries, keptEntry, type KeptEntry } from './kept-entries.ts';
import { TagsByKey } from './tags-by-key.ts';
import { Tags } from './tags.ts';
import { Watchers } from './watchers.ts';

export interface L1Options {
  /** Bytes of entries kept in the process (L1). Default 64 MiB; 0 keeps nothing. */
  readonly maxBytes?: number;
  /** How long an entry is kept where Redis does not report changes (Upstash, Cluster, `tracking: false`, a server that refuses). Default 1000 ms. */
  readonly maxStaleMs?: number;
  /** How often entries that have expired are freed, in milliseconds. Default 5 minutes. */
  readonly sweepEveryMs?: number;
}

interface PendingRead {
  /** The epoch of tracking at the time of the request; 0 without tracking. */
  readonly epoch: number;
  /** Somebody changed the key, or may have, since the request: the reply must not be kept. */
  dirty: boolean;
  readonly reply: Promise<Found>;
}

/** Keys that are asked for together; `all` is set when any may have changed. */
interface PendingReads {
  readonly dirty: Set<string>;
  allDirty: boolean;
}

/**
 * L1: entries that this process has read, kept while Redis reports no change of them.
 *
 * What makes it coherent:
 * - a reply is kept only if tracking was armed in one and the same epoch before the request and after the reply, and the
 *   key was not reported in between;
 * - this process's own writes are reported too, but often after their reply: so they drop what is kept, before and after,
 *   and are never kept themselves;
 * - what Redis forgets by itself, while it carries out a command of whomever, it reports like any change;
 * - when tracking ends, everything is dropped at once.
 */
export class L1Cache {
  readonly #engine: RedisEngine;
  readonly #store: KeptEntries;
  readonly #maxStaleMs: number;
  /** Bytes that may be kept; 0 where nothing is. */
  readonly maxBytes: number;
  readonly #tags = new TagsByKey();
  readonly #reads = new Map<string, PendingRead>();
  readonly #pendingMany = new Set<PendingReads>();
  readonly #watchers = new Watchers();
  readonly #onInterrupt = new Set<(entries: Iterable<[string, KeptEntry]>) => void>();
  readonly #changes: OwnChanges;
  readonly #stops: readonly (() => void)[];
  #closed = false;

  /** The one that all caches and registries of an engine share where nothing else is asked for. It ends with the engine. */
  static of(engine: RedisEngine): L1Cache {
    const known = shared.get(engine);
    if (known !== undefined) return known;
    const created = new L1Cache(engine);
    shared.set(engine, created);
    return created;
  }

  /** @throws OptionInvalidError naming the option that is not allowed */
  constructor(engine: RedisEngine, options: L1Options = {}) {
    checkL1Options(options);
    this.#engine = engine;
    this.#maxStaleMs = options.maxStaleMs ?? 1000;
    // The memory engine is in this process already: a copy of it would only cost memory.
    this.maxBytes = engine.kind === 'memory' ? 0 : (options.maxBytes ?? 64 * 1024 * 1024);
    this.#store = new KeptEntries(this.maxBytes, { serverNow: () => engine.now(), sweepEveryMs: options.sweepEveryMs });
    this.#changes = OwnChanges.of(engine);
    this.#stops = [
      this.#changes.listen({
        onKey: (key, isNews) => {
          this.#drop(key);
          if (isNews) this.#watchers.wake(key);
        },
        onPrefix: (prefix) => this.#dropPrefix(prefix),
      }),
      // An engine that tracks no reads never calls back.
      this.maxBytes > 0 ? engine.onInvalidate((keys) => this.#invalidated(keys)) : (): void => undefined,
    ];
  }

  /** A server may refuse to track reads, which is known only once it was asked. */
  get #keeps(): 'tracked' | 'for a while' | 'never' {
    if (this.maxBytes === 0) return 'never';
    return this.#engine.tracksReads ? 'tracked' : 'for a while';
  }

  get engine(): RedisEngine {
    return this.#engine;
  }

  /** Bytes kept. */
  get bytes(): number {
    return this.#store.bytes;
  }

  /** Whether a change elsewhere is reported, so that a waiter need not ask again and again. */
  get isTracked(): boolean {
    return this.epoch !== 0;
  }

  /** Whether what is read now is kept until Redis reports its change. */
  get keepsTracked(): boolean {
    return this.#keeps === 'tracked' && this.epoch !== 0;
  }

  /** Of the tracking, as the engine has it; 0 while there is none. */
  get epoch(): number {
    return this.#engine.trackingEpoch;
  }

  /** What is kept of a key; never waits. */
  get(key: string): KeptEntry | undefined {
    const kept = this.#store.get(key);
    if (kept === undefined || kept.until === Infinity || performance.now() < kept.until) return kept;
    this.#store.delete(key);
    return undefined;
  }

  /** Keeps what was made of an entry that is kept, for all who read it. */
  setValue(key: string, entry: Entry, value: unknown): void {
    this.#store.setValue(key, entry, value);
  }

  /** Asks Redis for a key, one command; calls at the same time share it. */
  read(key: string): Promise<Found> {
    const epoch = this.#engine.trackingEpoch;
    const pending = this.#reads.get(key);
    // One that was sent before tracking was armed is not reported to those who count on it.
    if (pending !== undefined && !pending.dirty && pending.epoch === epoch) return pending.reply;
    const reply = this.#engine.get(key).then(
      (stored) => {
        if (this.#reads.get(key) === read) this.#reads.delete(key);
        const found = decodeFound(stored);
        return read.dirty ? found : this.#keep(key, found, epoch);
      },
      (error: unknown): Found => {
        if (this.#reads.get(key) === read) this.#reads.delete(key);
        if (error instanceof Error && error.name === 'WrongTypeError') return foreign;
        throw error;
      },
    );
    const read: PendingRead = { epoch, dirty: false, reply };
    this.#reads.set(key, read);
    return reply;
  }

  /** Asks Redis for many keys, one command; in their order. A key of another type reads as nothing. */
  readMany(keys: readonly string[]): Promise<Found[]> {
    return this.#asking(async (epoch, isDirty) => {
      const replies = await this.#engine.mget(keys);
      return replies.map((stored, index) => {
        const key = keys[index] ?? '';
        const found = decodeFound(stored);
        return isDirty(key) ? found : this.#keep(key, found, epoch);
      });
    });
  }

  /** What is known of a namespace's tags. `key`: that of their state; `keys`: that, and those of its buckets. */
  tagsOf(key: string, keys: () => readonly string[]): Tags {
    const known = this.#tags.get(key);
    if (known !== undefined) return known;
    const tags = new Tags({ engine: this.#engine, key, keys, keptUntil: (epoch) => this.#keptUntil(epoch) });
    this.#tags.set(key, tags);
    return tags;
  }

  /** The same by the key of their state, where anything is known. */
  knownTags(key: string): Tags | undefined {
    return this.#tags.get(key);
  }

  /**
   * Of some entries, and of the tags of their namespace, the keys that Redis is not asked for, as they are kept until it reports a
   * change: it would take them for unused.
   */
  heldOf(entries: readonly string[], tagsKey: string): string[] {
    const held = entries.filter((key) => this.#store.peek(key)?.until === Infinity);
    return [...held, ...(this.#tags.get(tagsKey)?.held ?? [])];
  }

  /**
   * This process writes the key: what any cache of the engine keeps of it, or has on its way, is of yesterday. Call it before the
   * write and after.
   */
  forget(key: string): void {
    this.#changes.key(key, true);
  }

  /** L1 holds what Redis no longer has, as was just seen. Nobody is woken: this process has changed nothing. */
  drop(key: string): void {
    this.#changes.key(key, false);
  }

  /** The same for all keys that start with `prefix`. */
  forgetPrefix(prefix: string): void {
    this.#changes.prefix(prefix);
  }

  #drop(key: string): void {
    this.#store.delete(key);
    this.#tags.get(key)?.changed();
    const read = this.#reads.get(key);
    if (read !== undefined) {
      read.dirty = true;
      this.#reads.delete(key);
    }
    if (this.#pendingMany.size > 0) for (const { dirty } of this.#pendingMany) dirty.add(key);
  }

  #dropPrefix(prefix: string): void {
    for (const [key] of this.#store.entries()) if (key.startsWith(prefix)) this.#store.delete(key);
    this.#forgetReads(prefix);
    this.#watchers.wakePrefix(prefix);
  }

  /** Calls back once, at the next change of the key that this process hears of. */
  watch(key: string, onChange: () => void): () => void {
    return this.#watchers.add(key, onChange);
  }

  /** What is kept for a while only, where Redis reports no changes, and may be served right now. */
  *recent(): Generator<[string, KeptEntry]> {
    if (this.#keeps !== 'for a while') return;
    const now = performance.now();
    for (const kept of this.#store.entries()) if (now < kept[1].until) yield kept;
  }

  /** Calls back when all that is kept is dropped: with it where tracking has ended, with nothing after a flush. */
  onInterrupt(listener: (entries: Iterable<[string, KeptEntry]>) => void): () => void {
    this.#onInterrupt.add(listener);
    return () => this.#onInterrupt.delete(listener);
  }

  /** What is kept of the keys that start with `prefix`, as it was a moment ago. */
  count(prefix: string): KeptCount {
    return this.#store.count(prefix);
  }

  /** Keeps nothing from here on. */
  close(): void {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#store.close();
    this.#tags.clear();
    this.#watchers.wakePrefix('');
  }

  /** Asks for several keys at once, and notes meanwhile which of them change. */
  async #asking<Reply>(ask: (epoch: number, isDirty: (key: string) => boolean) => Promise<Reply>): Promise<Reply> {
    const pending: PendingReads = { dirty: new Set(), allDirty: false };
    this.#pendingMany.add(pending);
    try {
      return await ask(this.#engine.trackingEpoch, (key) => pending.allDirty || pending.dirty.has(key));
    } finally {
      this.#pendingMany.delete(pending);
    }
  }

  /** Keeps an entry, where that is allowed; replies what is kept. */
  #keep(key: string, found: Found, epoch: number): Found {
    if (found.kind !== 'entry') return found;
    const until = this.#keptUntil(epoch);
    if (until === 0) return found;
    const kept = keptEntry(key, found.entry, until);
    this.#store.set(key, kept);
    return { kind: 'entry', entry: kept.entry };
  }

  /** Until when a reply to a request of that epoch may be kept; 0: not at all. */
  #keptUntil(epoch: number): number {
    if (this.#closed) return 0; // nobody would hear of its change
    if (this.#keeps === 'for a while') return performance.now() + this.#maxStaleMs;
    const isCurrent = this.#keeps === 'tracked' && epoch !== 0 && epoch === this.#engine.trackingEpoch;
    return isCurrent ? Infinity : 0;
  }

  #invalidated(keys: readonly string[] | null): void {
    if (keys !== null) {
      for (const key of keys) {
        this.#drop(key);
        this.#watchers.wake(key);
      }
      return;
    }
    // A flush interrupts nothing, and leaves nothing that could be served.
    for (const listener of this.#onInterrupt) listener(this.epoch === 0 ? this.#store.entries() : []);
    this.#store.clear();
    this.#tags.changed();
    this.#forgetReads('');
    this.#watchers.wakePrefix('');
  }

  #forgetReads(prefix: string): void {
    for (const [key, read] of this.#reads) {
      if (!key.startsWith(prefix)) continue;
      read.dirty = true;
      this.#reads.delete(key);
    }
    for (const pending of this.#pendingMany) pending.allDirty = true;
  }
}

const shared = new WeakMap<RedisEngine, L1Cache>();
