import type { RedisEngine } from '@holdfast/redis-core';
import { Watchers } from './watchers.ts';

/** Whoever holds something of keys that this process may change itself: an L1, a fallback. */
export interface OwnChangeListener {
  /** `isNews`: the entry becomes another one, or goes. Not so where it was only seen that Redis has another one by now. */
  readonly onKey: (key: string, isNews: boolean) => void;
  readonly onPrefix: (prefix: string) => void;
  /** Entries below `prefix` that have one of these tags are invalid. */
  readonly onTags?: (prefix: string, tags: readonly string[]) => void;
}

/**
 * What this process changes itself through one engine, in whichever of its caches and registries: all of them have to know of it
 * at once. Redis tells only those that have its reads tracked, and maybe after the reply. Keys are complete ones.
 */
export class OwnChanges {
  readonly #listeners = new Set<OwnChangeListener>();
  readonly #loads = new Watchers();

  static of(engine: RedisEngine): OwnChanges {
    const known = changesOf.get(engine);
    if (known !== undefined) return known;
    const created = new OwnChanges();
    changesOf.set(engine, created);
    return created;
  }

  /** Calls back before each change and after it. Replies how to stop. */
  listen(listener: OwnChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  key(key: string, isNews: boolean): void {
    for (const { onKey } of this.#listeners) onKey(key, isNews);
  }

  prefix(prefix: string): void {
    for (const { onPrefix } of this.#listeners) onPrefix(prefix);
  }

  tags(prefix: string, tags: readonly string[]): void {
    for (const { onTags } of this.#listeners) onTags?.(prefix, tags);
  }

  /** For a load: calls back once, when it is not to be shared any more. Replies how to stop. */
  watchLoad(key: string, onDetach: () => void): () => void {
    return this.#loads.add(key, onDetach);
  }

  /** A caller changes the key: who comes now must not share a load that began before, in whichever cache. */
  detach(key: string): void {
    this.#loads.wake(key);
  }

  detachPrefix(prefix: string): void {
    this.#loads.wakePrefix(prefix);
  }
}

const changesOf = new WeakMap<RedisEngine, OwnChanges>();
