import type { Redis } from 'ioredis';
import { withDeadline } from '../deadline.ts';
import { UnavailableError } from '../errors.ts';
import { endClient } from './ioredis-client.ts';
import { takesWrites } from './write-proof.ts';

/** A replica is looked past so often. */
const LOOK_EVERY_MS = 1000;
/** A server that cannot be asked for it is exchanged for what the address leads to so often, in case that is the primary. */
const BLIND_EVERY_MS = 4000;
const LOOK_DEADLINE_MS = 2000;

/**
 * Looks whether a new connection to the same address (its name is resolved anew, the sentinels are asked anew) would reach a
 * server that takes writes, while the connection in use goes on serving reads from one that is a replica by now.
 */
export class PrimarySearch {
  readonly #client: Redis;
  #trial: Redis | undefined;
  #lookedAt = -Infinity;
  #changedAt = performance.now();
  #isOver = false;

  constructor(client: Redis) {
    this.#client = client;
  }

  /** Whether to connect anew. At most one look a second; else `false`. Never rejects. */
  async look(): Promise<boolean> {
    const now = performance.now();
    if (this.#isOver || now - this.#lookedAt < LOOK_EVERY_MS) return false;
    this.#lookedAt = now;
    const trial = this.#client.duplicate({
      lazyConnect: true,
      retryStrategy: () => null,
      connectTimeout: LOOK_DEADLINE_MS,
      // A client that asks sentinels would ask for ever.
      sentinelRetryStrategy: () => null,
    });
    this.#trial = trial;
    trial.on('error', () => undefined); // Its attempt fails with it.
    try {
      const late = (): Error => new UnavailableError('It took too long.');
      const proof = trial.connect().then(() => takesWrites(trial));
      const takes = await withDeadline(proof, now + LOOK_DEADLINE_MS, late);
      if (takes === undefined && now - this.#changedAt < BLIND_EVERY_MS) return false;
      this.#changedAt = now;
      return true;
    } catch {
      return false;
    } finally {
      endClient(trial);
      this.#trial = undefined;
    }
  }

  stop(): void {
    this.#isOver = true;
    if (this.#trial !== undefined) endClient(this.#trial);
  }
}
