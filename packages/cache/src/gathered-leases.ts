import { Gathering } from './gathering.ts';
import type { HeldLease, Lease, LoadFailure } from './lease.ts';
import type { LeasedFill, LeaseOutcome, LeaseSource, Leasing } from './leasing.ts';
import type { Fill } from './sealing.ts';

/** What one command takes, or stores: a script that holds Redis up for about half a millisecond. */
const LEASES_A_COMMAND = 50;
const FILLS_A_COMMAND = 50;
const FILL_BYTES = 1024 * 1024;

/**
 * Leases of keys that are asked for together: those that are taken, or filled, in one turn of the event loop go out in few
 * commands. One over an entry that is still there goes by itself.
 */
export class GatheredLeases implements LeaseSource {
  readonly #leasing: Leasing;
  readonly #takes: Gathering<string, LeaseOutcome<Lease>>;
  readonly #fills: Gathering<LeasedFill, boolean>;

  constructor(leasing: Leasing) {
    this.#leasing = leasing;
    this.#takes = new Gathering(
      (keys) => leasing.takeMany(keys),
      { items: LEASES_A_COMMAND, bytes: Infinity },
      () => 0,
    );
    this.#fills = new Gathering(
      (fills) => leasing.fillMany(fills),
      { items: FILLS_A_COMMAND, bytes: FILL_BYTES },
      ({ fill }) => fill.entry.body.length,
    );
  }

  takeRefresh(key: string, rev: string, heedsThrottle: boolean): Promise<LeaseOutcome> {
    return this.#leasing.takeRefresh(key, rev, heedsThrottle);
  }

  async take(key: string): Promise<LeaseOutcome> {
    const outcome = await this.#takes.add(key);
    if (outcome.kind !== 'ours') return outcome;
    return { ...outcome, lease: new GatheredLease(outcome.lease, this.#fills) };
  }
}

/** One of them, which is filled together with others. */
class GatheredLease implements HeldLease {
  readonly #lease: Lease;
  readonly #fills: Gathering<LeasedFill, boolean>;

  constructor(lease: Lease, fills: Gathering<LeasedFill, boolean>) {
    this.#lease = lease;
    this.#fills = fills;
  }

  get token(): string {
    return this.#lease.token;
  }

  fill(fill: Fill): Promise<boolean> {
    return this.#fills.add({ lease: this.#lease, fill });
  }

  get rev(): string | undefined {
    return this.#lease.rev;
  }

  release(failure?: LoadFailure): Promise<boolean> {
    return this.#lease.release(failure);
  }
}
