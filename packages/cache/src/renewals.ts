import type { RunScript } from './index-script.ts';
import type { LeasePlace } from './lease.ts';
import { cacheRenew } from './renew-script.ts';

interface Held {
  readonly place: LeasePlace;
  readonly token: string;
  /** By this machine's monotonic clock: when it was taken or renewed last. */
  renewedAt: number;
}

/**
 * Renews the leases that this process holds, each after a third of its time. One timer for all of them, which runs only
 * while there are any: most loads are over before their lease needs it.
 */
export class Renewals {
  readonly #run: RunScript;
  readonly #leaseMs: number;
  readonly #held = new Set<Held>();
  #timer: NodeJS.Timeout | undefined;

  constructor(run: RunScript, leaseMs: number) {
    this.#run = run;
    this.#leaseMs = leaseMs;
  }

  /** Replies how to stop. */
  keep(place: LeasePlace, token: string): () => void {
    const held: Held = { place, token, renewedAt: performance.now() };
    this.#held.add(held);
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => this.#renew(), Math.max(1, Math.floor(this.#leaseMs / 12)));
      this.#timer.unref();
    }
    return () => {
      this.#held.delete(held);
    };
  }

  #renew(): void {
    if (this.#held.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    for (const held of this.#held) {
      if (now - held.renewedAt < this.#leaseMs / 3) continue;
      held.renewedAt = now;
      const { place, token } = held;
      const keys = place.refresh === undefined ? [place.key] : [place.refresh.leaseKey, place.key];
      const args = [token, String(this.#leaseMs), place.refresh?.rev ?? ''];
      // A renewal that fails is made up for by the next one; without any the lease ends, and somebody else loads.
      this.#run(cacheRenew, keys, args).catch(() => undefined);
    }
  }
}
