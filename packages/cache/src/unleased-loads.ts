import type { CacheCore } from './cache-core.ts';
import type { Call, L2Failure } from './call.ts';
import type { Entry } from './entry.ts';
import type { LeasedLoads } from './leased-loads.ts';
import type { Load, Loads } from './loads.ts';
import type { GetOrSetDetails } from './options.ts';
import type { Sharing } from './sharing.ts';
import type { Unstored } from './unstored.ts';
import type { Values } from './values.ts';

type Got = GetOrSetDetails<unknown>;

/** Loads that store nothing in Redis: it is away, fails, or the key is not ours to write. */
export class UnleasedLoads {
  readonly #core: CacheCore;
  readonly #values: Values;
  readonly #loads: Loads;
  readonly #leased: LeasedLoads;
  readonly #sharing: Sharing;

  constructor(core: CacheCore, values: Values, loads: Loads, leased: LeasedLoads, sharing: Sharing) {
    this.#core = core;
    this.#values = values;
    this.#loads = loads;
    this.#leased = leased;
    this.#sharing = sharing;
  }

  /** For this caller alone. */
  async load(call: Call, why: Unstored): Promise<Got> {
    const { open, unstored } = await this.#leased.loadUnstored(call, undefined, why);
    return { value: open(), served: 'loaded', layer: 'l2', unstored };
  }

  /** Redis cannot be used: the loader answers, once for all who ask in this process. */
  loadAround(call: Call, { cause, replaced }: L2Failure): Promise<Got> {
    const running = this.#loads.get(call.complete);
    if (running !== undefined) {
      call.joint?.leave();
      return this.#sharing.result(running, call);
    }
    const grace = replaced?.grace;
    const result = this.#leased.loadUnstored(call, grace, { reason: 'l2-failed', error: cause });
    return this.#sharing.result(this.#add(call, { result, grace, layer: replaced?.layer ?? 'l2' }), call);
  }

  /** Redis is away, and this process's memory stands in for it. When Redis is back it knows better. */
  async getFromFallback(call: Call): Promise<Got> {
    const core = this.#core;
    const { complete } = call;
    const kept = core.fallback?.get(complete);
    const opened = kept === undefined ? undefined : this.#values.orNothing(complete, kept);
    if (kept !== undefined && opened !== undefined && (kept.expiresAt === null || core.now() < kept.expiresAt)) {
      return { value: opened.value, served: 'fresh', layer: 'fallback', unstored: null };
    }
    const grace = opened !== undefined && kept?.negative === false ? kept : undefined;
    const running = this.#loads.get(complete);
    if (running !== undefined) call.joint?.leave();
    const load = running ?? this.#loadIntoFallback(call, grace);
    return { ...(await this.#sharing.result(load, call)), layer: 'fallback' };
  }

  #loadIntoFallback(call: Call, grace: Entry | undefined): Load {
    const { fallback, sealing } = this.#core;
    const { complete } = call;
    const result = this.#leased.run(call, grace).then(({ fill, open, unstored }) => {
      const entry = fill === null || fill.entry.negative ? null : sealing.asEntry(fill);
      // Not where it was written, removed or invalidated meanwhile.
      if (entry !== null && this.#loads.get(complete) === load) fallback?.set(complete, entry);
      return { open, unstored };
    });
    const load = this.#add(call, { result, grace, layer: 'fallback' });
    return load;
  }

  /** Shared by those who come here, and never without asking Redis first. */
  #add(call: Call, load: Pick<Load, 'result' | 'grace' | 'layer'>): Load {
    const added = { ...load, token: undefined, rev: undefined, joinableUntil: -Infinity };
    this.#loads.add(call.complete, added);
    return added;
  }
}
