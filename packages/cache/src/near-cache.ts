import type { RedisEngine } from '@holdfast/redis-core';
import { decodeEntry, type Entry } from './entry.ts';
import { decodeMarker, type Marker } from './marker.ts';
import { NearStore, nearEntry, type NearEntry } from './near-store.ts';
import { decodeTagState, type TagState } from './tag-state.ts';

export interface NearCacheOptions {
  /** Bytes of entries kept in the process (L1). Default 64 MiB; 0 keeps nothing. */
  readonly maxBytes?: number;
  /** How long an entry is kept where Redis does not report changes (Upstash, Cluster, `tracking: false`). Default 1000 ms. */
  readonly maxStaleMs?: number;
}

/** What is under a key: an entry, the marker of a load, something foreign, or nothing. */
export type Found =
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'marker'; readonly marker: Marker }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'nothing' };

/** What is kept of a namespace. */
export interface NearCount {
  readonly entries: number;
  /** Those that may still be served. */
  readonly valid: number;
  readonly bytes: number;
}

/** How old a count may be: making one looks at every entry. */
const COUNT_MS = 100;

interface PendingRead {
  /** The epoch of tracking at the time of the request; 0 without tracking. */
  readonly epoch: number;
  /** Somebody changed the key, or may have, since the request: the reply must not be kept. */
  dirty: boolean;
  readonly reply: Promise<Found>;
}

/**
 * The first tier (L1): entries that this process has read, kept while Redis reports no change of them.
 *
 * What makes it coherent:
 * - a reply is kept only if tracking was armed in one and the same epoch before the request and after the reply, and the
 *   key was not reported in between;
 * - this process's own writes are not reported (NOLOOP), so they drop what is kept, before and after, and are never
 *   kept themselves;
 * - when tracking ends, everything is dropped at once.
 */
export class NearCache {
  readonly #engine: RedisEngine;
  readonly #store: NearStore;
  readonly #maxStaleMs: number;
  readonly #keeps: 'tracked' | 'for a while' | 'never';
  readonly #tagStates = new Map<string, { readonly state: TagState | null; readonly until: number }>();
  readonly #reads = new Map<string, PendingRead>();
  readonly #pendingMany = new Set<{ dirty: Set<string> | 'all' }>();
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #onInterrupt = new Set<(entries: Iterable<[string, NearEntry]>) => void>();
  readonly #stop: () => void;
  #counts: ReadonlyMap<string, NearCount> = new Map();
  #countedAt = -Infinity;

  /** The one that all caches of an engine share where none is given: the writes of one must be known to the others. */
  static of(engine: RedisEngine): NearCache {
    const known = shared.get(engine);
    if (known !== undefined) return known;
    const created = new NearCache(engine);
    shared.set(engine, created);
    return created;
  }

  constructor(engine: RedisEngine, options: NearCacheOptions = {}) {
    this.#engine = engine;
    this.#maxStaleMs = options.maxStaleMs ?? 1000;
    const maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    this.#store = new NearStore(maxBytes);
    // The memory engine is in this process already: a copy of it would only cost memory.
    if (engine.kind === 'memory' || maxBytes === 0) this.#keeps = 'never';
    else this.#keeps = engine.tracksReads ? 'tracked' : 'for a while';
    this.#stop = this.#keeps === 'tracked' ? engine.onInvalidate((keys) => this.#invalidated(keys)) : () => undefined;
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

  /** Of the tracking, as the engine has it; 0 while there is none. */
  get epoch(): number {
    return this.#engine.trackingEpoch;
  }

  /** What is kept of a key; never waits. */
  get(key: string): NearEntry | undefined {
    const kept = this.#store.get(key);
    if (kept === undefined || kept.until === Infinity || performance.now() < kept.until) return kept;
    this.#store.delete(key);
    return undefined;
  }

  /** Asks Redis for a key, one command; calls at the same time share it. */
  read(key: string): Promise<Found> {
    const pending = this.#reads.get(key);
    // One that was sent before tracking was armed is not reported to those who count on it.
    if (pending !== undefined && !pending.dirty && pending.epoch === this.epoch) return pending.reply;
    const { promise, resolve, reject } = Promise.withResolvers<Found>();
    const read: PendingRead = { epoch: this.#engine.trackingEpoch, dirty: false, reply: promise };
    this.#reads.set(key, read);
    this.#ask(key).then(
      (found) => {
        if (this.#reads.get(key) === read) this.#reads.delete(key);
        if (found.kind === 'entry' && !read.dirty) this.#keep(key, found.entry, read.epoch);
        resolve(found);
        return undefined;
      },
      (error: unknown) => {
        if (this.#reads.get(key) === read) this.#reads.delete(key);
        reject(error);
      },
    );
    return promise;
  }

  /** Asks Redis for many keys, one command; in their order. A key of another type reads as nothing. */
  async readMany(keys: readonly string[]): Promise<Found[]> {
    const pending = { dirty: new Set<string>() as Set<string> | 'all' };
    const epoch = this.#engine.trackingEpoch;
    this.#pendingMany.add(pending);
    try {
      const replies = await this.#engine.mget(keys);
      return replies.map((stored, index) => {
        const key = keys[index] ?? '';
        const found = decode(stored);
        const isDirty = pending.dirty === 'all' || pending.dirty.has(key);
        if (found.kind === 'entry' && !isDirty) this.#keep(key, found.entry, epoch);
        return found;
      });
    } finally {
      this.#pendingMany.delete(pending);
    }
  }

  /** The state of a namespace's tags; no command while it is kept, else one. */
  async tagState(key: string): Promise<TagState | null> {
    const kept = this.keptTagState(key);
    if (kept !== undefined) return kept;
    const pending = { dirty: new Set<string>() as Set<string> | 'all' };
    const epoch = this.#engine.trackingEpoch;
    this.#pendingMany.add(pending);
    try {
      const state = decodeTagState(await this.#engine.hgetall(key));
      const isDirty = pending.dirty === 'all' || pending.dirty.has(key);
      const until = isDirty ? 0 : this.#keptUntil(epoch);
      if (until > 0) this.#tagStates.set(key, { state, until });
      return state;
    } finally {
      this.#pendingMany.delete(pending);
    }
  }

  /** `undefined`: it is not kept, and has to be asked for. */
  keptTagState(key: string): TagState | null | undefined {
    const kept = this.#tagStates.get(key);
    if (kept === undefined) return undefined;
    if (kept.until === Infinity || performance.now() < kept.until) return kept.state;
    this.#tagStates.delete(key);
    return undefined;
  }

  /** What is kept of a namespace's tags is known to be of yesterday. */
  forgetTagState(key: string): void {
    this.#tagStates.delete(key);
  }

  /** This process writes the key: what is kept or on its way is of yesterday. Call it before the write and after. */
  forget(key: string): void {
    this.#store.delete(key);
    this.#tagStates.delete(key);
    const read = this.#reads.get(key);
    if (read !== undefined) {
      read.dirty = true;
      this.#reads.delete(key);
    }
    for (const pending of this.#pendingMany) if (pending.dirty !== 'all') pending.dirty.add(key);
    this.#wake(key);
  }

  /** The same for all keys that start with `prefix`. */
  forgetPrefix(prefix: string): void {
    for (const [key] of this.#store.entries()) if (key.startsWith(prefix)) this.#store.delete(key);
    for (const [key, read] of this.#reads) {
      if (!key.startsWith(prefix)) continue;
      read.dirty = true;
      this.#reads.delete(key);
    }
    for (const pending of this.#pendingMany) pending.dirty = 'all';
    for (const key of this.#watchers.keys()) if (key.startsWith(prefix)) this.#wake(key);
  }

  /** Calls back once, at the next change of the key that this process hears of. */
  watch(key: string, onChange: () => void): () => void {
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers.add(onChange));
    return () => {
      watchers.delete(onChange);
      if (watchers.size === 0 && this.#watchers.get(key) === watchers) this.#watchers.delete(key);
    };
  }

  /** Calls back, with what is kept, right before tracking ends and all of it is dropped. */
  onInterrupt(listener: (entries: Iterable<[string, NearEntry]>) => void): void {
    this.#onInterrupt.add(listener);
  }

  /** What is kept of the keys that start with `prefix`, as it was a moment ago. */
  count(prefix: string): NearCount {
    if (performance.now() - this.#countedAt > COUNT_MS) {
      this.#counts = this.#countAll();
      this.#countedAt = performance.now();
    }
    return this.#counts.get(prefix) ?? { entries: 0, valid: 0, bytes: 0 };
  }

  close(): void {
    this.#stop();
    this.#store.clear();
    this.#tagStates.clear();
    this.#wakeAll();
  }

  /** One walk for all namespaces: what stands before the last colon of a key, as users' parts have none. */
  #countAll(): Map<string, NearCount> {
    const counts = new Map<string, { entries: number; valid: number; bytes: number }>();
    const [now, serverNow] = [performance.now(), this.#engine.now()];
    for (const [key, { bytes, entry, until }] of this.#store.entries()) {
      const prefix = key.slice(0, key.lastIndexOf(':') + 1);
      const counted = counts.get(prefix) ?? { entries: 0, valid: 0, bytes: 0 };
      counts.set(prefix, counted);
      counted.entries += 1;
      counted.bytes += bytes;
      if (now < until && (entry.expiresAt === null || serverNow < entry.expiresAt)) counted.valid += 1;
    }
    return counts;
  }

  async #ask(key: string): Promise<Found> {
    try {
      return decode(await this.#engine.get(key));
    } catch (error) {
      if (error instanceof Error && error.name === 'WrongTypeError') return { kind: 'foreign' };
      throw error;
    }
  }

  #keep(key: string, entry: Entry, epoch: number): void {
    const until = this.#keptUntil(epoch);
    if (until > 0) this.#store.set(key, nearEntry(key, entry, until));
  }

  /** Until when a reply to a request of that epoch may be kept; 0: not at all. */
  #keptUntil(epoch: number): number {
    if (this.#keeps === 'for a while') return performance.now() + this.#maxStaleMs;
    const isCurrent = this.#keeps === 'tracked' && epoch !== 0 && epoch === this.#engine.trackingEpoch;
    return isCurrent ? Infinity : 0;
  }

  #invalidated(keys: readonly string[] | null): void {
    if (keys !== null) {
      for (const key of keys) this.forget(key);
      return;
    }
    for (const listener of this.#onInterrupt) listener(this.#store.entries());
    this.#store.clear();
    this.#tagStates.clear();
    for (const read of this.#reads.values()) read.dirty = true;
    this.#reads.clear();
    for (const pending of this.#pendingMany) pending.dirty = 'all';
    this.#wakeAll();
  }

  #wakeAll(): void {
    // Those that are woken may watch again at once: they are not of this round.
    const watched = [...this.#watchers.keys()];
    for (const key of watched) this.#wake(key);
  }

  #wake(key: string): void {
    const watchers = this.#watchers.get(key);
    if (watchers === undefined) return;
    this.#watchers.delete(key);
    for (const onChange of watchers) onChange();
  }
}

const shared = new WeakMap<RedisEngine, NearCache>();

function decode(stored: Buffer | null): Found {
  if (stored === null) return { kind: 'nothing' };
  const entry = decodeEntry(stored);
  if (entry !== null) return { kind: 'entry', entry };
  const marker = decodeMarker(stored);
  return marker === null ? { kind: 'foreign' } : { kind: 'marker', marker };
}
