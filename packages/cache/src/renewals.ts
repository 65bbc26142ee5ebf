import type { RunScript } from './index-script.ts';
import type { LeasePlace } from './lease.ts';
import { pagesOf } from './pages.ts';
import { cacheRenewMany } from './renew-many-script.ts';
import { cacheRenew } from './renew-script.ts';

/** Leases that one command renews. */
const LEASES_A_COMMAND = 100;

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
  readonly #leasesACommand: number;
  readonly #held = new Set<Held>();
  #timer: NodeJS.Timeout | undefined;

  /** `inOneSlot`: whether one command reaches several keys. */
  constructor(run: RunScript, leaseMs: number, inOneSlot: boolean) {
    this.#run = run;
    this.#leaseMs = leaseMs;
    this.#leasesACommand = inOneSlot ? LEASES_A_COMMAND : 1;
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
    const due = [...this.#held].filter(({ renewedAt }) => now - renewedAt >= this.#leaseMs / 3);
    for (const held of due) held.renewedAt = now;
    for (const page of pagesOf(due, this.#leasesACommand)) this.#keepAll(page);
  }

  /** A renewal that fails is made up for by the next one; without any the leases end, and somebody else loads. */
  #keepAll(page: readonly Held[]): void {
    const misses = page.filter(({ place }) => place.refresh === undefined);
    if (misses.length > 0) {
      const keys = misses.map(({ place }) => place.key);
      const args = [String(this.#leaseMs), ...misses.map(({ token }) => token)];
      this.#run(cacheRenewMany, keys, args).catch(() => undefined);
    }
    for (const { place, token } of page) {
      if (place.refresh === undefined) continue;
      const { leaseKey, rev } = place.refresh;
      this.#run(cacheRenew, [leaseKey, place.key], [token, String(this.#leaseMs), rev]).catch(() => undefined);
    }
  }
}
