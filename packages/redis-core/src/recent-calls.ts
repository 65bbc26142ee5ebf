interface Part {
  /** Which part of all time it counts; a part that is older than the window counts nothing. */
  number: number;
  answered: number;
  failed: number;
}

/**
 * How many calls of the last `windowMs` were answered and how many were not, counted in `parts` of that time, of which the
 * oldest is forgotten at once. Counting one costs a comparison and an addition: the caller knows the time.
 *
 * Not cockatiel's `SamplingBreaker`, which asks for the time with each call, and forgets one part with each call that is
 * counted, whatever the time: after a silence, failures of long ago count.
 */
export class RecentCalls {
  readonly #parts: Part[];
  readonly #partMs: number;
  #current: Part;

  constructor(windowMs: number, parts: number) {
    this.#partMs = windowMs / parts;
    this.#parts = Array.from({ length: parts }, () => ({ number: -1, answered: 0, failed: 0 }));
    this.#current = this.#turnTo(0);
  }

  /** All times in milliseconds, on a clock that never goes back; one slightly older than the last is counted with it. */
  answered(at: number): void {
    if (at >= (this.#current.number + 1) * this.#partMs) this.#turn(at);
    this.#current.answered += 1;
  }

  failed(at: number): void {
    this.#turn(at);
    this.#current.failed += 1;
  }

  within(at: number): { readonly answered: number; readonly failed: number } {
    this.#turn(at);
    let answered = 0;
    let failed = 0;
    for (const part of this.#parts) {
      if (part.number <= this.#current.number - this.#parts.length) continue;
      answered += part.answered;
      failed += part.failed;
    }
    return { answered, failed };
  }

  #turn(at: number): void {
    const number = Math.floor(at / this.#partMs);
    if (number > this.#current.number) this.#current = this.#turnTo(number);
  }

  #turnTo(number: number): Part {
    const part: Part = { number, answered: 0, failed: 0 };
    this.#parts[number % this.#parts.length] = part;
    return part;
  }
}
