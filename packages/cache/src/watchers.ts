interface Watcher {
  readonly onChange: () => void;
  isOver: boolean;
}

/** Those who wait for a change of a key. */
export class Watchers {
  /** Most keys have one, and a set for it would be most of what a load costs here. */
  readonly #watchers = new Map<string, Watcher | Set<Watcher>>();

  /** Calls back once, at the next change. Replies how to stop. */
  add(key: string, onChange: () => void): () => void {
    const watcher: Watcher = { onChange, isOver: false };
    const known = this.#watchers.get(key);
    if (known === undefined) this.#watchers.set(key, watcher);
    else if (known instanceof Set) known.add(watcher);
    else this.#watchers.set(key, new Set([known, watcher]));
    return () => {
      if (watcher.isOver) return;
      watcher.isOver = true;
      this.#remove(key, watcher);
    };
  }

  wake(key: string): void {
    const known = this.#watchers.get(key);
    if (known === undefined) return;
    this.#watchers.delete(key);
    if (!(known instanceof Set)) wake(known);
    else for (const watcher of known) wake(watcher);
  }

  wakePrefix(prefix: string): void {
    // Those that are woken may watch again at once: they are not of this round.
    const watched = [...this.#watchers.keys()];
    for (const key of watched) if (key.startsWith(prefix)) this.wake(key);
  }

  #remove(key: string, watcher: Watcher): void {
    const known = this.#watchers.get(key);
    if (known === watcher) this.#watchers.delete(key);
    else if (known instanceof Set && known.delete(watcher) && known.size === 0) this.#watchers.delete(key);
  }
}

function wake(watcher: Watcher): void {
  if (watcher.isOver) return;
  watcher.isOver = true;
  watcher.onChange();
}
