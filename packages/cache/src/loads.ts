import type { CacheCore } from './cache-core.ts';
import type { Entry } from './entry.ts';
import type { LeaseOutcome } from './leasing.ts';
import type { Unstored } from './unstored.ts';

/** What a load came to. */
export interface LoadResult {
  /** The value, as each of its callers gets it. */
  readonly open: () => unknown;
  /** Why it was not stored; `null`: it was. What was overtaken is given to its own caller alone. */
  readonly unstored: Unstored | null;
}

/** A load that this process is doing. */
export interface Load {
  readonly token: string | undefined;
  /** Of the entry that is loaded anew; `undefined` where it was missing. */
  readonly rev: string | undefined;
  readonly result: Promise<LoadResult>;
  /**
   * Until when, by this machine's monotonic clock, a caller that comes may share it without asking Redis: it has just
   * begun, or was seen to be current.
   */
  joinableUntil: number;
  /** What its callers may be served when it fails or takes too long. */
  readonly grace: Entry | undefined;
  /** Where that came from. */
  readonly layer: 'l1' | 'l2' | 'fallback';
}

/** What came of asking for a lease: a load that this process does, or why it does none. */
export type Beginning =
  | { readonly kind: 'load'; readonly load: Load }
  | Exclude<LeaseOutcome, { readonly kind: 'ours' }>;

interface Attempt {
  readonly rev: string | undefined;
  readonly beginning: Promise<Beginning>;
}

/** After a moment a caller may come that has heard of a change which the load has not seen: it asks Redis first. */
export const JOINABLE_MS = 5;
/** How often a waiter looks where changes are not reported. */
export const POLL_MS = 50;

/** The loads that this process is doing, one a key at most. Keys are complete ones. */
export class Loads {
  readonly #core: CacheCore;
  readonly #loads = new Map<string, Load>();
  readonly #attempts = new Map<string, Attempt>();

  constructor(core: CacheCore) {
    this.#core = core;
  }

  /** Calls back once, when this process changes the key: a load whose lease was asked for before may be of yesterday. */
  onDetach(key: string, callback: () => void): () => void {
    return this.#core.changes.watchLoad(key, callback);
  }

  get(key: string): Load | undefined {
    return this.#loads.get(key);
  }

  joinable(key: string): Load | undefined {
    const load = this.#loads.get(key);
    return load !== undefined && performance.now() < load.joinableUntil ? load : undefined;
  }

  /** Whether the lease for that revision (`undefined`: for what is missing) is being asked for. */
  isBeginning(key: string, rev: string | undefined): boolean {
    const attempt = this.#attempts.get(key);
    return attempt !== undefined && attempt.rev === rev;
  }

  /**
   * Asks for a lease, once for all callers at the same time: each has seen that one is needed, and the load begins
   * after that, so that it is as good as a load of its own.
   */
  begin(key: string, rev: string | undefined, start: () => Promise<Beginning>): Promise<Beginning> {
    const known = this.#attempts.get(key);
    if (known !== undefined && known.rev === rev) return known.beginning;
    const attempt: Attempt = { rev, beginning: start() };
    this.#keep(this.#attempts, key, attempt, attempt.beginning);
    return attempt.beginning;
  }

  /** Keeps it until it is settled. */
  add(key: string, load: Load): void {
    this.#keep(this.#loads, key, load, load.result);
  }

  /** This process changed the key: who comes now must not share a load that began before, in whichever cache of the engine. */
  detach(key: string): void {
    this.#core.changes.detach(key);
  }

  detachAll(): void {
    this.#core.changes.detachPrefix(this.#core.prefix());
  }

  #keep<Kept>(among: Map<string, Kept>, key: string, kept: Kept, until: Promise<unknown>): void {
    const remove = (): void => {
      stop();
      if (among.get(key) === kept) among.delete(key);
    };
    const stop = this.onDetach(key, remove);
    among.set(key, kept);
    until.then(remove, remove);
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
