/** Ids of stream entries, `<milliseconds>-<counter>`: each greater than the one before, also when the clock steps back. */
export class StreamIds {
  readonly #now: () => number;
  #lastMs = 0;
  #counter = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  next(): string {
    const now = Math.max(this.#now(), this.#lastMs);
    this.#counter = now === this.#lastMs ? this.#counter + 1 : 0;
    this.#lastMs = now;
    return `${now}-${this.#counter}`;
  }
}

/** Negative where `a` comes before `b`. */
export function compareStreamIds(a: string, b: string): number {
  const [aMs = 0, aCounter = 0] = a.split('-').map(Number);
  const [bMs = 0, bCounter = 0] = b.split('-').map(Number);
  return aMs - bMs || aCounter - bCounter;
}
