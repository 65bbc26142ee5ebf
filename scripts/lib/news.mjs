import { setTimeout as sleep } from 'node:timers/promises';

/**
 * What the processes that were started here say of themselves, over the channel that only they have: somebody else who
 * answers on the same port is not believed.
 */
export class News {
  #known = {};
  #synced = new Set();
  #listeners = new Set();

  /** Listens to a child of the supervisor. */
  of(child) {
    child.on('message', (message) => {
      const { synced, ...news } = message?.holdfast ?? {};
      if (synced !== undefined) this.#synced.add(synced);
      Object.assign(this.#known, news);
      for (const listener of this.#listeners) listener();
    });
  }

  /** `{ address, ready, redis }`, as far as they are known; `redis` says why it cannot be used, or is null. */
  get known() {
    return this.#known;
  }

  hasSynced(source) {
    return this.#synced.has(source);
  }

  /** Resolves with true as soon as `isSo()`, which is asked at each piece of news; with false after `timeoutMs`. */
  async until(isSo, timeoutMs) {
    if (isSo()) return true;
    const patience = new AbortController();
    let listener;
    const told = new Promise((resolve) => {
      listener = () => {
        if (isSo()) resolve(true);
      };
      this.#listeners.add(listener);
    });
    const waited =
      timeoutMs === undefined ? [] : [sleep(timeoutMs, false, { signal: patience.signal }).catch(() => false)];
    const outcome = await Promise.race([told, ...waited]);
    patience.abort();
    this.#listeners.delete(listener);
    return outcome;
  }
}
