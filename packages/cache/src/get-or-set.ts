import type { CacheCore } from './cache-core.ts';
import { type Call, failL2, type Joint, L2Failure, type Replaced } from './call.ts';
import type { Change } from './change.ts';
import type { Entry } from './entry.ts';
import { LeasedLoads } from './leased-loads.ts';
import { LoaderFailedError, type Loader, type LoadOptions } from './loader.ts';
import { type Load, Loads, POLL_MS } from './loads.ts';
import type { GetOrSetDetails } from './options.ts';
import { Pauses } from './pauses.ts';
import { Refreshing } from './refreshing.ts';
import { Sharing } from './sharing.ts';
import type { Freshness } from './staleness.ts';
import { UnleasedLoads } from './unleased-loads.ts';
import type { Unstored } from './unstored.ts';
import type { Values } from './values.ts';

type Got = GetOrSetDetails<unknown>;

/** What one try to load came to: a value, or that it waited, and for whose load. */
type Tried = { readonly got: Got } | { readonly waitedFor: string | undefined };
/** Or that somebody else has the lease. */
type Asked = Tried | { readonly theirs: string };

const foreign: Unstored = { reason: 'foreign', error: null };
const off: Unstored = { reason: 'off', error: null };
const overtaken: Unstored = { reason: 'overtaken', error: null };
const outcomes = { fresh: 'hit', stale: 'stale', loaded: 'miss' } as const;
/** In the head of an entry, where processes of earlier versions have their lease: nobody loads, but nobody shall for a while. */
const THROTTLED = '--------';

/**
 * Loads on a miss, once over all processes: whoever takes the lease loads, the others wait for what it stores. See
 * `lua/cache-lease.lua`, `cache-refresh.lua` and `cache-fill.lua` for what makes that safe.
 */
export class GetOrSet {
  readonly #core: CacheCore;
  readonly #values: Values;
  readonly #loads: Loads;
  readonly #pauses = new Pauses();
  readonly #leased: LeasedLoads;
  readonly #refreshing: Refreshing;
  readonly #sharing: Sharing;
  readonly #unleased: UnleasedLoads;

  constructor(core: CacheCore, values: Values) {
    this.#core = core;
    this.#values = values;
    this.#loads = new Loads(core);
    this.#leased = new LeasedLoads(core, values, this.#loads, this.#pauses);
    this.#refreshing = new Refreshing(core, this.#leased, this.#loads, this.#pauses);
    this.#sharing = new Sharing(core, values);
    this.#unleased = new UnleasedLoads(core, values, this.#loads, this.#leased, this.#sharing);
  }

  /** Counted. */
  async get<Stale>(key: string, loader: Loader<unknown, Stale>, options: LoadOptions): Promise<Got> {
    const core = this.#core;
    const got = await this.resolve(key, loader, options);
    if (core.isOff) return got;
    const isUnanswered = got.unstored?.reason === 'l2-failed';
    core.count('get', isUnanswered ? 'error' : outcomes[got.served], 1, got.layer);
    if (got.served !== 'loaded') core.used(key);
    return got;
  }

  /** The same, not counted. `joint`: it is one of many keys that are asked for together. */
  async resolve<Stale>(key: string, loader: Loader<unknown, Stale>, options: LoadOptions, joint?: Joint): Promise<Got> {
    const core = this.#core;
    const call = this.#callOf(key, loader, options, joint);
    if (core.isOff) return this.#unleased.load(call, off);
    if (core.isOnFallbackFor(call.complete)) return this.#unleased.getFromFallback(call);
    try {
      return await this.#getLeased(call);
    } catch (error) {
      if (!(error instanceof L2Failure)) throw error;
      if (core.fallback?.answersFor(error.cause, call.complete) === true) return this.#unleased.getFromFallback(call);
      if (core.policy.onL2Error === 'throw') throw error.cause;
      return this.#unleased.loadAround(call, error);
    }
  }

  /** Whether what was found is due to be loaded again behind the back of who is served. */
  isDue(entry: Entry, freshness: Freshness): boolean {
    return this.#refreshing.isDue(entry, freshness);
  }

  /** Loads again in the background, once over all processes. Its failure is published, and the entry stays. */
  refresh<Stale>(key: string, entry: Entry, loader: Loader<unknown, Stale>, options: LoadOptions, joint: Joint): void {
    this.#refreshing.refresh(this.#callOf(key, loader, options, joint), entry, joint.looked.layer);
  }

  /** This process changed the key (a complete one): who comes now must not share a load that began before. */
  detach(complete: string): void {
    this.#loads.detach(complete);
  }

  detachAll(): void {
    this.#loads.detachAll();
  }

  #callOf<Stale>(key: string, loader: Loader<unknown, Stale>, options: LoadOptions, joint: Joint | undefined): Call {
    // What a loader is given to replace is what the namespace holds; its type is what the caller says.
    return { key, complete: this.#core.complete(key), loader: loader as Loader<unknown, unknown>, options, joint };
  }

  async #getLeased(call: Call): Promise<Got> {
    const core = this.#core;
    const { key, complete, options, joint } = call;
    const giveUpAt = performance.now() + (options.hardTimeoutMs ?? core.policy.hardTimeoutMs) + core.leaseMs;
    // A marker may be gone by now without anybody saying so: what is waited for is looked at again.
    let looked = joint?.looked.found.kind === 'marker' ? undefined : joint?.looked;
    let waitedFor: string | undefined;
    while (performance.now() < giveUpAt) {
      const running = this.#loads.joinable(complete);
      if (running !== undefined) joint?.leave();
      const shared = running === undefined ? undefined : await this.#sharing.share(running, call);
      if (shared !== undefined) return shared;
      // Listened to from before the look on, so that no change falls between.
      const change = core.changeOf(complete);
      try {
        const { found, freshness, layer } = looked ?? (await core.find(complete).catch(failL2()));
        looked = undefined;
        if (found.kind === 'foreign') return await this.#unleased.load(call, foreign);
        if (found.kind === 'marker') {
          const { marker } = found;
          if (marker.kind === 'failed' && marker.token === waitedFor) throw new LoaderFailedError(key, marker.message);
          if (marker.kind === 'loading') {
            waitedFor = marker.token;
            joint?.leave();
            if (!this.#adopt(call, waitedFor, change)) await change.wait(core.leaseMs, POLL_MS);
            continue;
          }
        }
        const entry = found.kind === 'entry' ? found.entry : undefined;
        // What is no value is loaded as if it were not there, and replaced.
        const opened =
          entry === undefined || freshness === 'dead' ? undefined : this.#values.orNothing(complete, entry);
        if (entry !== undefined && opened !== undefined && (freshness === 'fresh' || freshness === 'stale')) {
          if (this.isDue(entry, freshness)) this.#refreshing.refresh(call, entry, layer);
          return { value: opened.value, served: freshness, layer, unstored: null };
        }
        const grace = opened !== undefined && entry?.negative === false ? entry : undefined;
        const replaced = { grace, layer, isBehind: false };
        const tried =
          entry === undefined
            ? await this.#loadMissing(call, { ...replaced, entry }, change)
            : await this.#loadAnew(call, { ...replaced, entry }, change, waitedFor);
        if ('got' in tried) return tried.got;
        ({ waitedFor } = tried);
      } finally {
        change.stop();
      }
    }
    return this.#unleased.load(call, overtaken);
  }

  async #loadMissing(call: Call, replaced: Replaced, change: Change): Promise<Tried> {
    const asked = await this.#ask(call, replaced);
    if (!('theirs' in asked)) return asked;
    if (!this.#adopt(call, asked.theirs, change)) await change.wait(this.#core.leaseMs, POLL_MS);
    return { waitedFor: asked.theirs };
  }

  async #loadAnew(
    call: Call,
    replaced: Replaced & { readonly entry: Entry },
    change: Change,
    waitedFor: string | undefined,
  ): Promise<Tried> {
    const core = this.#core;
    const { key, complete, options } = call;
    const { entry, grace } = replaced;
    if (grace !== undefined && this.#pauses.isThrottled(key, entry.rev)) return this.#graceOf(call, replaced, grace);
    const running = this.#loads.get(complete);
    // What it replaces is still there, and so it is as good as a load that begins now.
    if (running?.rev === entry.rev && !change.hasChanged) {
      call.joint?.leave();
      return this.#share(running, call);
    }
    if (entry.lease !== null && entry.lease.until > core.now()) {
      call.joint?.leave();
      if (grace === undefined) await change.wait(POLL_MS, POLL_MS);
      else if (
        entry.lease.token === THROTTLED ||
        !(await change.wait(options.softTimeoutMs ?? core.leaseMs, POLL_MS))
      ) {
        return this.#graceOf(call, replaced, grace);
      }
      return { waitedFor };
    }
    if (waitedFor !== undefined && grace === undefined) await this.#throwIfFailed(call, waitedFor);
    const asked = await this.#ask(call, replaced);
    if (!('theirs' in asked)) return asked;
    const hasEnded = await this.#waitForRefresh(call, replaced, asked.theirs, change);
    if (!hasEnded && grace !== undefined) return this.#graceOf(call, replaced, grace);
    return { waitedFor: asked.theirs };
  }

  /** Asks for the lease, together with the others who do so now, and loads where it is ours. */
  async #ask(call: Call, replaced: Replaced): Promise<Asked> {
    const { key, complete, joint } = call;
    const { entry, grace } = replaced;
    const isOwn = !this.#loads.isBeginning(complete, entry?.rev);
    if (!isOwn) joint?.leave();
    const beginning = await this.#loads
      .begin(complete, entry?.rev, () => this.#leased.begin(call, replaced))
      .catch(failL2(replaced));
    switch (beginning.kind) {
      case 'load':
        return isOwn ? { got: await this.#sharing.result(beginning.load, call) } : this.#share(beginning.load, call);
      case 'theirs':
        joint?.leave();
        return { theirs: beginning.token };
      case 'throttled':
        if (entry === undefined || grace === undefined) return { waitedFor: undefined };
        this.#pauses.throttle(key, entry.rev, beginning.leftMs);
        return this.#graceOf(call, replaced, grace);
      case 'foreign':
        return { got: await this.#unleased.load(call, foreign) };
      case 'changed':
        return { waitedFor: undefined };
    }
  }

  async #share(load: Load, call: Call): Promise<Tried> {
    const got = await this.#sharing.share(load, call);
    return got === undefined ? { waitedFor: undefined } : { got };
  }

  #graceOf(call: Call, replaced: Replaced, grace: Entry): Tried {
    return { got: this.#sharing.graceOf(call, replaced, grace) };
  }

  /** Whether a lease that somebody else has to load an entry anew has ended, or the entry is another one by now. */
  async #waitForRefresh(call: Call, replaced: Replaced, token: string, change: Change): Promise<boolean> {
    const core = this.#core;
    const { complete, options } = call;
    const waitMs = replaced.grace === undefined ? core.leaseMs : (options.softTimeoutMs ?? core.leaseMs);
    if (!core.l1.isTracked) return change.wait(waitMs, POLL_MS);
    const end = core.changeOfLease(complete);
    try {
      // So that Redis reports its end: a loader that fails changes no entry.
      const held = await core.l1.read(core.leasing.leaseKeyOf(complete)).catch(failL2(replaced));
      if (held.kind !== 'marker' || held.marker.kind !== 'loading' || held.marker.token !== token) return true;
      return await Promise.race([change.wait(waitMs, POLL_MS), end.wait(waitMs, POLL_MS)]);
    } finally {
      end.stop();
    }
  }

  /** The loader that it waited for may have failed; there is nothing to serve, and so its callers are told. */
  async #throwIfFailed({ key, complete }: Call, token: string): Promise<void> {
    const { l1, leasing } = this.#core;
    const left = await l1.read(leasing.leaseKeyOf(complete)).catch(failL2());
    if (left.kind !== 'marker' || left.marker.kind !== 'failed' || left.marker.token !== token) return;
    throw new LoaderFailedError(key, left.marker.message);
  }

  /**
   * Whether a lease that was met is of a load of this process, which is then shared. Not where the key has changed since it
   * was asked for: the load may be of before that, and was kept from those who come now.
   */
  #adopt({ complete }: Call, token: string, change: Change): boolean {
    return !change.hasChanged && this.#loads.adopt(complete, token);
  }
}
