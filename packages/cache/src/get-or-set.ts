import type { CacheCore, Looked } from './cache-core.ts';
import type { Change } from './change.ts';
import type { Entry } from './entry.ts';
import { LoaderFailedError, type Loader, type LoadOptions, runLoader } from './loader.ts';
import type { HeldLease, LeaseOutcome, LeaseSource } from './loading.ts';
import { JOINABLE_MS, type Load, Loads, POLL_MS } from './loads.ts';
import type { ReadonlyDeep } from './readonly-deep.ts';
import { type Freshness, isDueEarly } from './staleness.ts';

/** A value, and whether it is one that should have been replaced. */
export interface Got {
  /** `null`: there is nothing. */
  readonly entry: Entry | null;
  readonly served: 'fresh' | 'stale' | 'loaded';
}

/** What a call for many keys knows of one of them, and does for all of them together. */
export interface Joint {
  /** What was found under the key a moment ago, in the place of the first look. */
  readonly looked: Looked;
  readonly leases: LeaseSource;
  /** Called when the key does not ask the loader, or not yet: somebody else loads it. */
  readonly leave: () => void;
}

interface LeasedLoad {
  readonly grace: Entry | undefined;
  /** For so long what the loader said in failing stays, or its being called again is put off. */
  readonly failedStayMs: number;
  /** Whether others may wait for it: not for a refresh behind the back of those who are served. */
  readonly joinable: boolean;
}

/** For so long those who wait elsewhere can learn that the loader failed; a new caller does not wait for it. */
const FAILED_MS = 1000;
/** In the place of a lease's token: nobody loads, but nobody shall for a while. */
const THROTTLED = '--------';

/**
 * Loads on a miss, once over all processes: whoever takes the lease loads, the others wait for what it stores. See
 * `lua/cache-lease.lua` and `cache-fill.lua` for what makes that safe.
 */
export class GetOrSet {
  readonly #core: CacheCore;
  readonly #loads: Loads;

  constructor(core: CacheCore) {
    this.#core = core;
    this.#loads = new Loads(core);
  }

  /** `joint`: it is one of many keys that are asked for together. */
  async get<Stale>(key: string, loader: Loader<unknown, Stale>, options: LoadOptions, joint?: Joint): Promise<Got> {
    const core = this.#core;
    const complete = core.complete(key);
    if (core.isOnFallbackFor(complete)) return this.#getFromFallback(key, loader, options, joint);
    try {
      return await this.#getLeased(key, loader, options, joint);
    } catch (error) {
      if (core.fallback?.answersFor(error, complete) === true)
        return this.#getFromFallback(key, loader, options, joint);
      throw error;
    }
  }

  /** This process changed the key: who comes now must not share a load that began before. */
  detach(key: string): void {
    this.#loads.detach(key);
  }

  detachAll(): void {
    this.#loads.detachAll();
  }

  async #getLeased<Stale>(
    key: string,
    loader: Loader<unknown, Stale>,
    options: LoadOptions,
    joint: Joint | undefined,
  ): Promise<Got> {
    const core = this.#core;
    const giveUpAt = performance.now() + (options.hardTimeoutMs ?? core.policy.hardTimeoutMs) + core.leaseMs;
    const complete = core.complete(key);
    let waitedFor: string | undefined;
    // A marker may be gone by now without anybody saying so: what is waited for is looked at again.
    let looked = joint?.looked.found.kind === 'marker' ? undefined : joint?.looked;
    while (performance.now() < giveUpAt) {
      const running = this.#loads.joinable(key);
      if (running !== undefined) joint?.leave();
      const shared = running === undefined ? undefined : await this.#share(running, options);
      if (shared !== undefined) return shared;
      // Listened to from before the look on, so that no change falls between.
      const change = core.changeOf(key);
      try {
        const { found, freshness } = looked ?? (await core.find(complete));
        looked = undefined;
        if (found.kind === 'foreign') return await this.#loadUnstored(key, loader, options);
        if (found.kind === 'marker' && found.marker.kind === 'failed' && found.marker.token === waitedFor) {
          throw new LoaderFailedError(key, found.marker.message);
        }
        if (found.kind === 'marker' && found.marker.kind === 'loading') {
          waitedFor = found.marker.token;
          joint?.leave();
          if (!this.#adopt(key, waitedFor, change)) await change.wait(core.leaseMs, POLL_MS);
          continue;
        }
        const entry = found.kind === 'entry' ? found.entry : undefined;
        const usable = entry && this.#use(key, entry, freshness, loader, options, joint);
        if (usable !== undefined) return usable;
        const grace = freshness === 'expired' && entry?.negative === false ? entry : undefined;
        let joinable = true;
        const stopListening = this.#loads.onDetach(key, () => {
          joinable = false;
        });
        let taken: LeaseOutcome;
        try {
          taken = await (joint?.leases ?? core.leasing).take(complete, entry?.rev);
        } finally {
          stopListening();
        }
        switch (taken.kind) {
          case 'ours': {
            // The token is in the head now, and what is kept does not know: own writes may be reported later.
            core.l1.drop(complete);
            // What was taken away between the look and the lease is no grace.
            const left = taken.refreshes ? grace : undefined;
            const failedStayMs = left !== undefined ? core.policy.failureThrottleMs : taken.refreshes ? 0 : FAILED_MS;
            return await this.#loadLeased(key, taken.lease, loader, options, { grace: left, failedStayMs, joinable });
          }
          case 'foreign':
            return await this.#loadUnstored(key, loader, options);
          case 'entry':
            continue; // written in this moment: look again
          case 'theirs':
            waitedFor = taken.token;
            joint?.leave();
            if (this.#adopt(key, taken.token, change)) continue;
            if (grace !== undefined && !(await this.#waitWithGrace(change, taken.token, options))) {
              return { entry: grace, served: 'stale' };
            }
            if (grace === undefined && entry !== undefined) await change.wait(POLL_MS, POLL_MS);
        }
      } finally {
        change.stop();
      }
    }
    return this.#loadUnstored(key, loader, options);
  }

  /**
   * Whether a lease that was met is of a load of this process, which is then shared. Not where the key has changed since it
   * was asked for: the load may be of before that, and was kept from those who come now.
   */
  #adopt(key: string, token: string, change: Change): boolean {
    return !change.hasChanged && this.#loads.adopt(key, token);
  }

  /** Somebody loads anew what may still be served: waits for that, but not for long. Whether it changed. */
  async #waitWithGrace(change: Change, token: string, { softTimeoutMs }: LoadOptions): Promise<boolean> {
    if (token === THROTTLED) return false; // nobody does: the loader failed a moment ago
    return change.wait(softTimeoutMs ?? this.#core.leaseMs, POLL_MS);
  }

  /** The result of a load that may be shared as it is; `undefined` where it was overtaken. */
  async #share(load: Load, options: LoadOptions): Promise<Got | undefined> {
    let overtaken = false;
    const got = await this.#graceful(
      load.result.then((loaded) => {
        overtaken = !loaded.stored;
        return loaded;
      }),
      load.grace,
      options,
    );
    return overtaken ? undefined : got;
  }

  /** What can be answered from an entry that is there; starts a refresh where one is due. */
  #use<Stale>(
    key: string,
    entry: Entry,
    freshness: Freshness,
    loader: Loader<unknown, Stale>,
    options: LoadOptions,
    joint: Joint | undefined,
  ): Got | undefined {
    if (freshness !== 'fresh' && freshness !== 'stale') return undefined;
    if (this.isDue(entry, freshness)) this.refresh(key, entry, loader, options, joint);
    return { entry: entry.negative ? null : entry, served: freshness };
  }

  /** Whether what is served is due to be loaded again behind the back of who is served. */
  isDue(entry: Entry, freshness: Freshness): boolean {
    const { earlyRefresh } = this.#core.policy;
    return freshness === 'stale' || (earlyRefresh !== undefined && isDueEarly(entry, earlyRefresh, this.#core.now()));
  }

  /** Loads again in the background, once over all processes. Its failure is published, and the entry stays. */
  refresh<Stale>(
    key: string,
    entry: Entry,
    loader: Loader<unknown, Stale>,
    options: LoadOptions,
    joint: Joint | undefined,
  ): void {
    const core = this.#core;
    if (this.#loads.get(key) !== undefined || (entry.lease !== null && entry.lease.until > core.now())) {
      joint?.leave();
      return;
    }
    const result = Promise.resolve({ entry, stored: true });
    const placeholder: Load = { token: undefined, joinableUntil: -Infinity, result, grace: entry };
    this.#loads.reserve(key, placeholder);
    const refreshing = (async () => {
      const taken = await (joint?.leases ?? core.leasing).take(core.complete(key), entry.rev);
      this.#loads.remove(key, placeholder);
      if (taken.kind !== 'ours') return;
      core.l1.drop(core.complete(key));
      const failedStayMs = core.policy.failureThrottleMs;
      await this.#loadLeased(key, taken.lease, loader, options, { grace: entry, failedStayMs, joinable: false });
    })();
    refreshing
      .catch((error: unknown) => core.publishRefreshFailure(error))
      .finally(() => {
        this.#loads.remove(key, placeholder);
        joint?.leave();
      });
  }

  async #loadLeased<Stale>(
    key: string,
    lease: HeldLease,
    loader: Loader<unknown, Stale>,
    options: LoadOptions,
    { grace, failedStayMs, joinable }: LeasedLoad,
  ): Promise<Got> {
    const core = this.#core;
    const complete = core.complete(key);
    const result = (async () => {
      let fill;
      try {
        fill = core.sealing.fillOf(await this.#run(key, loader, options, grace), options);
      } catch (error) {
        // What the loader said matters to the caller; a lease that could not be given back ends by itself.
        await lease
          .release(error instanceof Error ? error.message : String(error), failedStayMs)
          .catch(() => undefined);
        core.l1.forget(complete);
        throw error;
      }
      if (fill === null) {
        await lease.release('', 0);
        return { entry: null, stored: true };
      }
      core.l1.forget(complete);
      const stored = await lease
        .fill(fill)
        .catch((error: unknown) => {
          // The value is there, even if Redis is not any more.
          if (core.fallback?.answersFor(error, complete) === true) return true;
          throw error;
        })
        // Also when it fails: an entry that was read in the meantime may have been replaced.
        .finally(() => core.l1.forget(complete));
      if (stored) {
        if (!core.isOnFallbackFor(complete)) core.fallback?.forget([complete]);
        core.stored(key, fill.keepMs);
      }
      return { entry: fill.entry.negative ? null : core.sealing.asEntry(fill), stored };
    })();
    const joinableUntil = joinable ? performance.now() + JOINABLE_MS : -Infinity;
    this.#loads.add(key, { token: lease.token, result, joinableUntil, grace });
    return this.#graceful(result, grace, options);
  }

  /** The result, or what is there to fall back on when it fails or takes too long. */
  async #graceful(result: Load['result'], grace: Entry | undefined, options: LoadOptions): Promise<Got> {
    if (grace === undefined) return { entry: (await result).entry, served: 'loaded' };
    const stale: Got = { entry: grace, served: 'stale' };
    const { softTimeoutMs } = options;
    const late = Promise.withResolvers<Got>();
    const timer = softTimeoutMs === undefined ? undefined : setTimeout(() => late.resolve(stale), softTimeoutMs);
    const done = result.then(
      ({ entry }): Got => ({ entry, served: 'loaded' }),
      (error: unknown) => {
        this.#core.publishRefreshFailure(error);
        return stale;
      },
    );
    try {
      const got = await Promise.race([done, late.promise]);
      if (got !== stale || !(await this.#isDead(grace))) return got;
    } finally {
      clearTimeout(timer);
    }
    // Its tag was invalidated while the loader was at work.
    return { entry: (await result).entry, served: 'loaded' };
  }

  async #isDead(entry: Entry): Promise<boolean> {
    const core = this.#core;
    if (core.fallback?.isActiveForAll === true) return false;
    try {
      return (core.knownFreshness(entry) ?? (await core.askedFreshness(entry))) === 'dead';
    } catch {
      return true; // Redis is gone, and nobody can say that its tags were not invalidated.
    }
  }

  /** Without a lease: the key is not ours to write, or Redis is away. */
  async #loadUnstored<Stale>(key: string, loader: Loader<unknown, Stale>, options: LoadOptions): Promise<Got> {
    const fill = this.#core.sealing.fillOf(await this.#run(key, loader, options, undefined), options);
    return { entry: fill === null || fill.entry.negative ? null : this.#core.sealing.asEntry(fill), served: 'loaded' };
  }

  async #getFromFallback<Stale>(
    key: string,
    loader: Loader<unknown, Stale>,
    options: LoadOptions,
    joint: Joint | undefined,
  ): Promise<Got> {
    const core = this.#core;
    const complete = core.complete(key);
    const kept = core.fallback?.get(complete);
    const isFresh = kept !== undefined && (kept.expiresAt === null || core.now() < kept.expiresAt);
    if (kept !== undefined && isFresh) return { entry: kept.negative ? null : kept, served: 'fresh' };
    const running = this.#loads.get(key);
    if (running !== undefined) {
      joint?.leave();
      return this.#graceful(running.result, kept, options);
    }
    const result = this.#loadUnstored(key, loader, options).then(({ entry }) => {
      // Not where it was written, removed or invalidated meanwhile.
      const isCurrent = this.#loads.get(key) === load;
      if (entry !== null && isCurrent) core.fallback?.set(complete, entry);
      return { entry, stored: isCurrent };
    });
    // Shared by those who come here. When Redis is back it knows better.
    const load: Load = { token: undefined, result, joinableUntil: -Infinity, grace: kept };
    this.#loads.add(key, load);
    return this.#graceful(result, kept, options);
  }

  async #run<Stale>(key: string, loader: Loader<unknown, Stale>, options: LoadOptions, stale: Entry | undefined) {
    return runLoader(loader, {
      key,
      stale: stale === undefined ? undefined : (this.#core.sealing.valueOf(stale) as ReadonlyDeep<Stale>),
      timeoutMs: options.hardTimeoutMs ?? this.#core.policy.hardTimeoutMs,
    });
  }
}
