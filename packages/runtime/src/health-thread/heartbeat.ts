/**
 * How the thread of the probes sees that the event loop of the main thread turns. Shared memory: a message would have to be
 * read and sent, by a loop that may be held up.
 */
export class Heartbeat {
  readonly memory: SharedArrayBuffer;
  /** The last beat in nanoseconds of the clock that all threads share, and the patience in milliseconds. */
  readonly #cells: BigInt64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(16)) {
    this.memory = memory;
    this.#cells = new BigInt64Array(memory);
  }

  beat(): void {
    Atomics.store(this.#cells, 0, process.hrtime.bigint());
  }

  /** Milliseconds since the last beat. */
  get silentMs(): number {
    return Number(process.hrtime.bigint() - Atomics.load(this.#cells, 0)) / 1e6;
  }

  /** For how long a loop that is silent now may be at something that ends. Milliseconds. */
  get patienceMs(): number {
    return Number(Atomics.load(this.#cells, 1));
  }

  set patienceMs(milliseconds: number) {
    Atomics.store(this.#cells, 1, BigInt(Math.ceil(milliseconds)));
  }
}
