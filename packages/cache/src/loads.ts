import type { CacheCore } from './cache-core.ts';
import type { Entry } from './entry.ts';

/** A load that this process is doing. */
export interface Load {
  readonly token: string | undefined;
  /** `stored`: nobody wrote or invalidated meanwhile, so that it may be given to others than its caller. */
  readonly result: Promise<{ readonly entry: Entry | null; readonly stored: boolean }>;
  /**
   * Until when, by this machine's monotonic clock, a caller that comes may share it without asking Redis: it has just
   * begun, or was seen to be current.
   */
  joinableUntil: number;
  /** What its callers may be served when it fails or takes too long. */
  readonly grace: Entry | undefined;
}

/** After a moment a caller may come that has heard of a change which the load has not seen: it asks Redis first. */
export const JOINABLE_MS = 5;
/** How often a waiter looks where changes are not reported. */
export const POLL_MS = 50;

/** The loads that this process is doing, one a key at most. */
export class Loads {
  readonly #core: CacheCore;
  readonly #loads = new Map<string, Load>();
  #detachments = 0;

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /** How often this process changed something: a load whose lease was asked for before may be of yesterday. */
  get detachments(): number {
    return this.#detachments;
  }

  get(key: string): Load | undefined {
    return this.#loads.get(key);
  }

  joinable(key: string): Load | undefined {
    const load = this.#loads.get(key);
    return load !== undefined && performance.now() < load.joinableUntil ? load : undefined;
  }

  /** Keeps it until it is settled. */
  add(key: string, load: Load): void {
    this.#loads.set(key, load);
    const settled = (): void => this.remove(key, load);
    load.result.then(settled, settled);
  }

  /** Takes a place that is given up with `remove`. */
  reserve(key: string, load: Load): void {
    this.#loads.set(key, load);
  }

  remove(key: string, load: Load): void {
    if (this.#loads.get(key) === load) this.#loads.delete(key);
  }

  /** This process changed the key: who comes now must not share a load that began before. */
  detach(key: string): void {
    this.#detachments += 1;
    this.#loads.delete(key);
  }

  detachAll(): void {
    this.#detachments += 1;
    this.#loads.clear();
  }

  /** Whether the token that was just seen under the key is of a load of this process: then it is current, and shared. */
  adopt(key: string, token: string): boolean {
    const load = this.#loads.get(key);
    if (load === undefined || load.token !== token) return false;
    load.joinableUntil = Infinity;
    const change = this.#core.changeOf(key);
    const overtaken = (): void => {
      load.joinableUntil = -Infinity;
      change.stop();
    };
    change.wait(this.#core.leaseMs, POLL_MS).then(overtaken, overtaken);
    return true;
  }
}
