import type { Bytes } from './engine.ts';

/**
 * What operations that travel together have at most in keys and values. A batch is bounded in bytes as well as in number: what
 * is before a call on the connection delays it, Redis works on one command at a time, and a batch that fails fails as a
 * whole. What is larger by itself travels alone.
 */
export const MAX_BATCH_BYTES: number = 1024 * 1024;

export function byteLength(text: Bytes): number {
  return typeof text === 'string' ? Buffer.byteLength(text) : text.length;
}

/** Fills a batch until the next one does not fit. */
export class BatchRoom {
  readonly #most: number;
  #items = 0;
  #bytes = 0;

  /** `most` is how many it may hold. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether these fit, together. The first always do, or they would fit nowhere. */
  take(items: number, bytes: number): boolean {
    const fits = this.#items + items <= this.#most && this.#bytes + bytes <= MAX_BATCH_BYTES;
    if (!fits && this.#items > 0) return false;
    this.#items += items;
    this.#bytes += bytes;
    return true;
  }
}
