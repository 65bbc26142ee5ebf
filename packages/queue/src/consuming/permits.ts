import { checkOption, wholeNumber, type OptionRule } from '@holdfast/redis-core';

const maximumRule: OptionRule = {
  must: 'must be a whole number of at least 1, or Infinity',
  allows: (value) => value === Number.POSITIVE_INFINITY || wholeNumber(1).allows(value),
};

interface Waiter {
  readonly owner: object;
  readonly freed: PromiseWithResolvers<void>;
}

/**
 * How many jobs run at once in a process, over all its queues. A permit is taken before a job is fetched, so that no job
 * is held back in the state `active` while another worker could run it. The queue that has waited longest is next.
 */
export class Permits {
  readonly #maximum: number;
  /** The lock tokens under which jobs are fetched or run. */
  readonly #taken = new Set<string>();
  /** One a queue at most, in the order of their arrival. */
  readonly #waiting: Waiter[] = [];
  /** Permits that were freed for a queue that waited, and that nobody else may take. */
  readonly #reserved = new Set<object>();

  constructor(maximum = Number.POSITIVE_INFINITY) {
    checkOption('Permits', 'maximum', maximum, maximumRule);
    this.#maximum = maximum;
  }

  /** How many are taken now. */
  get taken(): number {
    return this.#taken.size;
  }

  holds(token: string): boolean {
    return this.#taken.has(token);
  }

  /** Takes a permit if there is one for this owner, who keeps it until `release`. */
  take(token: string, owner: object): boolean {
    if (!this.#reserved.delete(owner) && !this.#isFree()) return false;
    this.#taken.add(token);
    return true;
  }

  /** Resolves when a permit is kept for this owner, or when it was withdrawn. Asking again keeps its place. */
  async freed(owner: object): Promise<void> {
    if (this.#reserved.has(owner)) return;
    let waiter = this.#waiting.find((other) => other.owner === owner);
    if (waiter === undefined) {
      waiter = { owner, freed: Promise.withResolvers<void>() };
      this.#waiting.push(waiter);
    }
    await waiter.freed.promise;
  }

  /** Whether somebody else waits: then whoever ends a job does not go straight on with the next one. */
  isContended(owner: object): boolean {
    return this.#waiting.some((waiter) => waiter.owner !== owner);
  }

  release(token: string): void {
    if (this.#taken.delete(token)) this.#handOn();
  }

  /** The owner takes no more. What it holds is released as its jobs end. */
  withdraw(owner: object): void {
    const at = this.#waiting.findIndex((waiter) => waiter.owner === owner);
    if (at >= 0) this.#waiting.splice(at, 1)[0]?.freed.resolve();
    if (this.#reserved.delete(owner)) this.#handOn();
  }

  #isFree(): boolean {
    return this.#taken.size + this.#reserved.size < this.#maximum && this.#waiting.length === 0;
  }

  #handOn(): void {
    if (this.#taken.size + this.#reserved.size >= this.#maximum) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#reserved.add(next.owner);
    next.freed.resolve();
  }
}
