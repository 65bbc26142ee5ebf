import type { FastifyBaseLogger } from 'fastify';

/** A line for each refusal would cost more than the refusals, just when there is no time. */
const everyMs = 10_000;

/** Logs that requests are refused: when it begins, and how many it were while it lasts. */
export class ShedLog {
  readonly #log: FastifyBaseLogger;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: FastifyBaseLogger) {
    this.#log = log;
  }

  note(load: string, reason: string): void {
    this.#count += 1;
    if (this.#timer !== undefined) return;
    this.#log.warn({ class: load, reason }, 'overloaded: requests are answered 503');
    this.#count = 0;
    this.#timer = setTimeout(() => this.#again(), everyMs).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #again(): void {
    this.#timer = undefined;
    if (this.#count === 0) return;
    this.#log.warn({ refused: this.#count, seconds: everyMs / 1000 }, 'overloaded: requests are answered 503');
    this.#count = 0;
    this.#timer = setTimeout(() => this.#again(), everyMs).unref();
  }
}
