interface Pause {
  readonly rev: string;
  readonly isThrottle: boolean;
  /** By this machine's monotonic clock. */
  readonly until: number;
}

/** What is forgotten beyond it costs a command more, no more. */
const MAX_PAUSES = 10_000;

/**
 * For how long this process need not ask for the lease to load an entry anew: somebody has it, or a loader failed a moment
 * ago. The entry itself does not tell, since taking its lease leaves it as it is. A pause ends with its revision.
 */
export class Pauses {
  readonly #pauses = new Map<string, Pause>();

  /** Somebody loads this revision, or may: nobody here need try for so many milliseconds. */
  pause(key: string, rev: string, ms: number): void {
    this.#set(key, { rev, isThrottle: false, until: performance.now() + ms });
  }

  /** A loader failed over this revision, which is served meanwhile. */
  throttle(key: string, rev: string, ms: number): void {
    this.#set(key, { rev, isThrottle: true, until: performance.now() + ms });
  }

  has(key: string, rev: string): boolean {
    return this.#get(key, rev) !== undefined;
  }

  /** Whether the loader is left alone, so that there is nothing to wait for either. */
  isThrottled(key: string, rev: string): boolean {
    return this.#get(key, rev)?.isThrottle === true;
  }

  #set(key: string, pause: Pause): void {
    this.#pauses.delete(key);
    this.#pauses.set(key, pause);
    const oldest = this.#pauses.keys().next();
    if (this.#pauses.size > MAX_PAUSES && oldest.done !== true) this.#pauses.delete(oldest.value);
  }

  #get(key: string, rev: string): Pause | undefined {
    const pause = this.#pauses.get(key);
    if (pause === undefined) return undefined;
    if (pause.rev === rev && performance.now() < pause.until) return pause;
    this.#pauses.delete(key);
    return undefined;
  }
}
