/** A loop that is silent for less may just be late. Milliseconds. */
const leastPatienceMs = 10_000;
/** Where no job runs: one that went on after its timeout may still be at it. */
const idlePatienceMs = 15 * 60_000;

/**
 * How the thread of the heartbeats sees that the event loop of the main thread turns, and for how long it may stand. Shared
 * memory: a message would have to be sent by a loop that may be held up.
 */
export class LoopSign {
  readonly memory: SharedArrayBuffer;
  /** How often the loop was seen to turn, and its patience in milliseconds. */
  readonly #cells: Int32Array;
  /** How many runs there are of each timeout. */
  readonly #runs = new Map<number, number>();

  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(8);
    this.#cells = new Int32Array(this.memory);
    if (memory === undefined) Atomics.store(this.#cells, 1, idlePatienceMs);
  }

  /** The loop turns. */
  turn(): void {
    Atomics.add(this.#cells, 0, 1);
  }

  /** A number that changes as long as the loop turns. */
  get turns(): number {
    return Atomics.load(this.#cells, 0);
  }

  /** For how long a loop that stands now may be at something that ends. Milliseconds. */
  get patienceMs(): number {
    return Atomics.load(this.#cells, 1);
  }

  /** A run begins that may keep the loop for so long. Returns what is to be called when it has ended. */
  begin(timeoutMs: number): () => void {
    const others = this.#runs.get(timeoutMs) ?? 0;
    this.#runs.set(timeoutMs, others + 1);
    if (others === 0) this.#setPatience();
    return () => {
      const left = (this.#runs.get(timeoutMs) ?? 0) - 1;
      if (left > 0) {
        this.#runs.set(timeoutMs, left);
        return;
      }
      this.#runs.delete(timeoutMs);
      this.#setPatience();
    };
  }

  #setPatience(): void {
    const patience = this.#runs.size === 0 ? idlePatienceMs : Math.max(leastPatienceMs, ...this.#runs.keys());
    Atomics.store(this.#cells, 1, Math.ceil(patience));
  }
}
