import type { RedisEngine } from '@holdfast/redis-core';

/**
 * The slots of a cluster that Redis must not be asked for although others can be: their master is away (lost), or they are
 * held, since something of theirs was noted or kept here that has not come to an end yet. None where there are no slots.
 */
export class LostSlots {
  readonly #engine: RedisEngine;
  #lost: ReadonlySet<number>;
  #held = new Set<number>();

  constructor(engine: RedisEngine) {
    this.#engine = engine;
    this.#lost = new Set(engine.slotsAway?.());
  }

  get areNone(): boolean {
    return this.#lost.size === 0 && this.#held.size === 0;
  }

  get areAnyHeld(): boolean {
    return this.#held.size > 0;
  }

  /** Whether the slot of a key is lost or held. */
  has(key: string): boolean {
    if (this.areNone) return false;
    const slot = this.#slotOf(key);
    return slot !== undefined && (this.#lost.has(slot) || this.#held.has(slot));
  }

  /** Whether the master of a key is away. */
  isLost(key: string): boolean {
    const slot = this.#lost.size === 0 ? undefined : this.#slotOf(key);
    return slot !== undefined && this.#lost.has(slot);
  }

  /** Whether Redis can be told about all of these keys; `undefined`: about any key. */
  canReach(keys: readonly string[] | undefined): boolean {
    return keys === undefined ? this.#lost.size === 0 : !keys.some((key) => this.isLost(key));
  }

  /** From now on the slots of these keys are held; `undefined`: all that are lost now. */
  hold(keys: readonly string[] | undefined): void {
    for (const slot of keys?.map((key) => this.#slotOf(key)) ?? this.#lost)
      if (slot !== undefined) this.#held.add(slot);
  }

  /**
   * Lets go of what is held, but for the slots of these keys, and where one is `undefined` (it may concern any key) of all
   * that was held or is lost.
   */
  holdOnly(list: readonly (readonly string[] | undefined)[]): void {
    const slots = list.flatMap((keys) => keys ?? []).map((key) => this.#slotOf(key));
    const all = list.includes(undefined) ? [...this.#held, ...this.#lost] : [];
    this.#held = new Set([...all, ...slots.filter((slot) => slot !== undefined)]);
  }

  /** The masters have changed. */
  look(): void {
    this.#lost = new Set(this.#engine.slotsAway?.());
  }

  #slotOf(key: string): number | undefined {
    return this.#engine.slotOf?.(key);
  }
}
