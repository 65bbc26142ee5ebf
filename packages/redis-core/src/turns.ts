import { setImmediate as turn } from 'node:timers/promises';

/** What is made of entries in one turn of the event loop, in bytes, where each value takes as long as so many bytes of one. */
const TURN_WEIGHT = 512 * 1024;
const VALUE_WEIGHT = 1024;

/** Lets the event loop turn now and then while many values are made. */
export class Turns {
  #weight = 0;

  /** A value was made of so many bytes. Waits only where enough has been done in this turn. */
  worked(bytes: number): Promise<void> | undefined {
    this.#weight += VALUE_WEIGHT + bytes;
    if (this.#weight < TURN_WEIGHT) return undefined;
    this.#weight = 0;
    return turn();
  }
}
