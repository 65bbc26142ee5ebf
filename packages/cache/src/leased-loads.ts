import type { CacheCore } from './cache-core.ts';
import type { Call, Replaced } from './call.ts';
import type { Entry } from './entry.ts';
import type { HeldLease, LoadFailure } from './lease.ts';
import { runLoader } from './loader.ts';
import { type Beginning, JOINABLE_MS, type LoadResult, type Loads } from './loads.ts';
import type { Pauses } from './pauses.ts';
import type { Product } from './sealing.ts';
import type { Unstored } from './unstored.ts';
import type { Values } from './values.ts';

/** For so long those who wait elsewhere can learn that the loader failed; a new caller does not wait for it. */
const FAILED_MS = 1000;

/** Calls loaders, under a lease or without, and stores what they return. */
export class LeasedLoads {
  readonly #core: CacheCore;
  readonly #values: Values;
  readonly #loads: Loads;
  readonly #pauses: Pauses;

  constructor(core: CacheCore, values: Values, loads: Loads, pauses: Pauses) {
    this.#core = core;
    this.#values = values;
    this.#loads = loads;
    this.#pauses = pauses;
  }

  /** Asks for the lease, one command, and begins to load where it is ours. */
  async begin(call: Call, replaced: Replaced): Promise<Beginning> {
    const { l1 } = this.#core;
    const { complete } = call;
    const { entry, grace, isBehind } = replaced;
    const leases = call.joint?.leases ?? this.#core.leasing;
    // Before the lease, which then sees to it that they have a state.
    if ((call.options.tags?.length ?? 0) > 0) this.#core.leasing.noteTags();
    // Who comes when this process has changed the key meanwhile must not share it.
    let isDetached = false;
    const stopListening = this.#loads.onDetach(complete, () => {
      isDetached = true;
    });
    const asked =
      entry === undefined ? leases.take(complete) : leases.takeRefresh(complete, entry.rev, grace !== undefined);
    const taken = await asked.finally(stopListening);
    if (taken.kind === 'changed') l1.drop(complete);
    if (taken.kind !== 'ours') return taken;
    const { lease } = taken;
    const result = this.#load(call, lease, replaced);
    const joinableUntil = !isBehind && !isDetached ? performance.now() + JOINABLE_MS : -Infinity;
    const load = { token: lease.token, rev: lease.rev, result, joinableUntil, grace, layer: replaced.layer };
    this.#loads.add(complete, load);
    return { kind: 'load', load };
  }

  /** Without a lease: the key is not ours to write, or Redis is away. */
  async loadUnstored(call: Call, grace: Entry | undefined, unstored: Unstored): Promise<LoadResult & Product> {
    const product = await this.run(call, grace);
    const why = product.unstored ?? unstored;
    this.#core.publishUnstored(why);
    return { ...product, unstored: why };
  }

  async run(call: Call, stale: Entry | undefined): Promise<Product> {
    const { sealing, policy } = this.#core;
    const { key, complete, loader, options } = call;
    const loaded = await runLoader(loader, {
      key,
      stale: stale === undefined ? undefined : this.#values.of(complete, stale)?.value,
      timeoutMs: options.hardTimeoutMs ?? policy.hardTimeoutMs,
    });
    return sealing.productOf(loaded, options);
  }

  async #load(call: Call, lease: HeldLease, replaced: Replaced): Promise<LoadResult> {
    const core = this.#core;
    const { complete } = call;
    let product: Product;
    try {
      product = await this.run(call, replaced.grace);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      await this.#giveBack(call, lease, replaced, message);
      throw error;
    }
    const { fill, open, unstored } = product;
    if (fill === null) {
      await this.#giveBack(call, lease, replaced, undefined);
      if (unstored !== null) core.publishUnstored(unstored);
      return { open, unstored };
    }
    core.l1.forget(complete);
    const stored = await lease
      .fill(fill)
      .catch((error: unknown) => this.#unstoredBy(error, complete))
      // Also when it fails: an entry that was read in the meantime may have been replaced.
      .finally(() => core.l1.forget(complete));
    if (stored === true) {
      if (!core.isOnFallbackFor(complete)) core.fallback?.forget([complete]);
      core.stored(call.key, fill.keepMs);
      return { open, unstored: null };
    }
    if (stored === false) return { open, unstored: { reason: 'overtaken', error: null } };
    if (replaced.entry !== undefined) this.#pauses.pause(call.key, replaced.entry.rev, core.policy.failureThrottleMs);
    core.publishUnstored(stored);
    return { open, unstored: stored };
  }

  /** The value is there, whatever has become of Redis. */
  #unstoredBy(error: unknown, complete: string): Unstored {
    const { fallback, policy } = this.#core;
    const isServed = fallback?.answersFor(error, complete) === true || policy.onL2Error === 'serve';
    if (!isServed) throw error;
    return { reason: 'l2-failed', error: error instanceof Error ? error : new Error(String(error)) };
  }

  /** What the loader said matters to the caller; a lease that could not be given back ends by itself. */
  async #giveBack(call: Call, lease: HeldLease, replaced: Replaced, message: string | undefined): Promise<void> {
    const { l1, policy, leasing } = this.#core;
    const { entry, grace, isBehind } = replaced;
    const { failureThrottleMs } = policy;
    const isThrottled = entry !== undefined && grace !== undefined && (message !== undefined || isBehind);
    if (isThrottled) this.#pauses.throttle(call.key, entry.rev, failureThrottleMs);
    const failure: LoadFailure | undefined = isThrottled
      ? { message: message ?? '', as: 'throttled', stayMs: failureThrottleMs }
      : message === undefined
        ? undefined
        : { message, as: 'told', stayMs: FAILED_MS };
    await lease.release(failure).catch(() => undefined);
    // Those who wait for it in this process.
    l1.forget(entry === undefined ? call.complete : leasing.leaseKeyOf(call.complete));
  }
}
