/** Those who wait for a change of a key. */
export class Watchers {
  readonly #watchers = new Map<string, Set<() => void>>();

  /** Calls back once, at the next change. Replies how to stop. */
  add(key: string, onChange: () => void): () => void {
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers.add(onChange));
    return () => {
      watchers.delete(onChange);
      if (watchers.size === 0 && this.#watchers.get(key) === watchers) this.#watchers.delete(key);
    };
  }

  wake(key: string): void {
    const watchers = this.#watchers.get(key);
    if (watchers === undefined) return;
    this.#watchers.delete(key);
    for (const onChange of watchers) onChange();
  }

  wakePrefix(prefix: string): void {
    // Those that are woken may watch again at once: they are not of this round.
    const watched = [...this.#watchers.keys()];
    for (const key of watched) if (key.startsWith(prefix)) this.wake(key);
  }
}
