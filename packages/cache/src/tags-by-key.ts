import type { Tags } from './tags.ts';

/**
 * What a process knows of the tags of its namespaces, by the key of their state, for as long as a cache of the namespace is in use:
 * callers may come with any number of names.
 */
export class TagsByKey {
  readonly #known = new Map<string, WeakRef<Tags>>();
  readonly #gone = new FinalizationRegistry<string>((key) => {
    // Not where another one has taken its place.
    if (this.get(key) === undefined) this.#known.delete(key);
  });

  get(key: string): Tags | undefined {
    return this.#known.get(key)?.deref();
  }

  set(key: string, tags: Tags): void {
    this.#known.set(key, new WeakRef(tags));
    this.#gone.register(tags, key);
  }

  /** More was noted of all of them, or may have been. */
  changed(): void {
    for (const tags of this.#known.values()) tags.deref()?.changed();
  }

  clear(): void {
    this.#known.clear();
  }
}
