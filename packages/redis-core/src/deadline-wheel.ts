/** How late an entry may be because it shares a place with others; the timer ticks as often. */
const TICK_MS = 10;
/** A power of two. Once round takes 10 s: longer than most deadlines, so that nearly every entry is met once. */
const PLACES = 1024;

/** Something that ends when its time has come, unless it is removed before. On one wheel at a time. */
export abstract class Timed {
  /** The wheel's. */
  neighbours: Timed[] | undefined = undefined;
  /** The wheel's: where among its neighbours. */
  index = 0;
  /** The wheel's; on the clock of `performance.now()`. */
  deadlineAt = 0;

  /** The deadline has passed. Called once, when it is off the wheel. */
  abstract expire(): void;
}

/**
 * The deadlines of many calls with one timer: a hashed timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing
 * Wheels", 1987, scheme 6). Adding and removing are a few assignments, where a timer of one's own is ten times as much.
 *
 * None expires early, and none later than a tick and what the machine adds. When this process had no time to listen,
 * what has arrived meanwhile is read first. The timer runs only while something is on the wheel and does not keep the
 * process alive.
 */
export class DeadlineWheel {
  readonly #places: Timed[][] = Array.from({ length: PLACES }, () => []);
  #timer: NodeJS.Timeout | undefined;
  /** The last tick whose entries have expired. */
  #hand = 0;
  #size = 0;
  #isExpiring = false;

  /** How many are waiting. */
  get size(): number {
    return this.#size;
  }

  /** Whether the timer runs: for a tick longer than something waits. */
  get isTicking(): boolean {
    return this.#timer !== undefined;
  }

  /** `deadlineAt` on the clock of `performance.now()`; one that has passed expires with the next tick. */
  add(entry: Timed, deadlineAt: number): void {
    if (this.#timer === undefined) {
      this.#hand = Math.floor(performance.now() / TICK_MS);
      this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
    }
    const neighbours = this.#placeOf(Math.max(this.#hand + 1, Math.ceil(deadlineAt / TICK_MS)));
    entry.deadlineAt = deadlineAt;
    entry.neighbours = neighbours;
    entry.index = neighbours.length;
    neighbours.push(entry);
    this.#size += 1;
  }

  /** Replies whether it was on the wheel; it never expires then. */
  remove(entry: Timed): boolean {
    const { neighbours, index } = entry;
    if (neighbours === undefined) return false;
    entry.neighbours = undefined;
    this.#size -= 1;
    const last = neighbours.pop();
    if (last !== undefined && last !== entry) {
      neighbours[index] = last;
      last.index = index;
    }
    return true;
  }

  #tick(): void {
    if (this.#size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (this.#isExpiring) return;
    const now = performance.now();
    const last = Math.floor(now / TICK_MS);
    for (let tick = Math.max(this.#hand + 1, last - PLACES + 1); tick <= last; tick += 1) {
      if (this.#placeOf(tick).length === 0) continue;
      // An immediate runs after what has arrived was read.
      this.#isExpiring = true;
      setImmediate(() => {
        this.#isExpiring = false;
        this.#expire(last);
      });
      return;
    }
    this.#hand = last;
  }

  #expire(last: number): void {
    const now = performance.now();
    for (let tick = Math.max(this.#hand + 1, last - PLACES + 1); tick <= last; tick += 1) {
      this.#hand = tick; // What is added meanwhile comes behind it.
      // Those of a later round stay.
      for (const entry of this.#placeOf(tick).filter(({ deadlineAt }) => !(deadlineAt > now))) {
        // Not if an earlier one has removed it.
        if (this.remove(entry)) entry.expire();
      }
    }
  }

  #placeOf(tick: number): Timed[] {
    const place = this.#places[tick & (PLACES - 1)];
    if (place === undefined) throw new RangeError(`There is no tick ${tick}.`);
    return place;
  }
}
