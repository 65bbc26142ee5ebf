import type { CacheCore, Looked } from './cache-core.ts';
import type { Call, Replaced } from './call.ts';
import type { Entry } from './entry.ts';
import type { LeasedLoads } from './leased-loads.ts';
import type { Loads } from './loads.ts';
import type { Pauses } from './pauses.ts';
import { type Freshness, isDueEarly } from './staleness.ts';

/** Loads entries anew behind the backs of their readers, each once over all processes. */
export class Refreshing {
  readonly #core: CacheCore;
  readonly #leased: LeasedLoads;
  readonly #loads: Loads;
  readonly #pauses: Pauses;

  constructor(core: CacheCore, leased: LeasedLoads, loads: Loads, pauses: Pauses) {
    this.#core = core;
    this.#leased = leased;
    this.#loads = loads;
    this.#pauses = pauses;
  }

  /** Whether what is served is due to be loaded again behind the back of who is served. */
  isDue(entry: Entry, freshness: Freshness): boolean {
    const { earlyRefresh } = this.#core.policy;
    return freshness === 'stale' || (earlyRefresh !== undefined && isDueEarly(entry, earlyRefresh, this.#core.now()));
  }

  /** Begins one where nobody is known to be at it, and no loader failed a moment ago. Never waits. */
  refresh(call: Call, entry: Entry, layer: Looked['layer']): void {
    const core = this.#core;
    const { key, complete, joint } = call;
    // Processes of earlier versions have their lease in the entry's head.
    const isHeld = entry.lease !== null && entry.lease.until > core.now();
    const isAsked = this.#loads.get(complete) !== undefined || this.#loads.isBeginning(complete, entry.rev);
    if (isHeld || isAsked || this.#pauses.has(key, entry.rev)) {
      joint?.leave();
      return;
    }
    this.#refresh(call, { entry, grace: entry, layer, isBehind: true })
      .catch((error: unknown) => core.publishRefreshFailure(error))
      .finally(() => joint?.leave());
  }

  async #refresh(call: Call, replaced: Replaced & { readonly entry: Entry }): Promise<void> {
    const { key, complete } = call;
    const { rev } = replaced.entry;
    const beginning = await this.#loads
      .begin(complete, rev, () => this.#leased.begin(call, replaced))
      .catch((error: unknown) => {
        // Redis refuses it, and would again at each read.
        this.#pauses.pause(key, rev, this.#core.policy.failureThrottleMs);
        throw error;
      });
    if (beginning.kind === 'theirs') this.#pauses.pause(key, rev, beginning.leftMs ?? 0);
    if (beginning.kind === 'throttled') this.#pauses.throttle(key, rev, beginning.leftMs);
    if (beginning.kind === 'load') await beginning.load.result;
  }
}
