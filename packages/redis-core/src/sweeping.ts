export interface SweepingOptions<Value> {
  /** What there is now. Entries may come and go while it is walked. */
  readonly entries: () => Iterable<readonly [string, Value]>;
  readonly isOver: (value: Value) => boolean;
  readonly remove: (key: string, value: Value) => void;
  /** Between two sweeps, in milliseconds. Default 5 minutes. */
  readonly everyMs?: number;
}

const EVERY_MS = 5 * 60_000;
/** How many entries are looked at before others get their turn: about a millisecond. */
const STEP = 5000;

/**
 * Removes from the memory of this process what is over and nobody asks for any more, now and then and a few at a time.
 * It keeps no process alive, and where nothing is kept there is no timer.
 */
export class Sweeping<Value> {
  readonly #options: SweepingOptions<Value>;
  #timer: NodeJS.Timeout | undefined;
  #next: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(options: SweepingOptions<Value>) {
    this.#options = options;
  }

  /** To be told when something is kept. */
  kept(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#step(this.#options.entries()[Symbol.iterator](), false);
    }, this.#options.everyMs ?? EVERY_MS).unref();
  }

  /** May be called twice. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#next);
  }

  #step(rest: Iterator<readonly [string, Value]>, leavesAny: boolean): void {
    const { isOver, remove } = this.#options;
    let leaves = leavesAny;
    for (let looked = 0; looked < STEP; looked += 1) {
      const next = rest.next();
      if (next.done === true) {
        this.#timer = undefined;
        if (leaves) this.kept();
        return;
      }
      const [key, value] = next.value;
      if (isOver(value)) remove(key, value);
      else leaves = true;
    }
    this.#next = setImmediate(() => this.#step(rest, leaves)).unref();
  }
}
