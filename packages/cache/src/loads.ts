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
  /** How to stop listening for what makes one not to be shared any more. */
  readonly #stops = new Map<Load, () => void>();

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /** Calls back once, when this process changes the key: a load whose lease was asked for before may be of yesterday. */
  onDetach(key: string, callback: () => void): () => void {
    return this.#core.changes.watchLoad(this.#core.complete(key), callback);
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
    this.reserve(key, load);
    const settled = (): void => this.remove(key, load);
    load.result.then(settled, settled);
  }

  /** Takes a place that is given up with `remove`. */
  reserve(key: string, load: Load): void {
    this.#loads.set(key, load);
    this.#stops.set(
      load,
      this.onDetach(key, () => this.remove(key, load)),
    );
  }

  remove(key: string, load: Load): void {
    this.#stops.get(load)?.();
    this.#stops.delete(load);
    if (this.#loads.get(key) === load) this.#loads.delete(key);
  }

  /** This process changed the key: who comes now must not share a load that began before, in whichever cache of the engine. */
  detach(key: string): void {
    this.#core.changes.detach(this.#core.complete(key));
  }

  detachAll(): void {
    this.#core.changes.detachPrefix(this.#core.prefix());
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
