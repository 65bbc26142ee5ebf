import { publishEvent } from '../channels.ts';
import type { BackendStatus } from './backend.ts';

/** Makes one state of many connections, and tells when that changes. */
export class Availability {
  readonly #read: () => BackendStatus;
  readonly #listeners = new Set<() => void>();
  /** Unknown until the first attempt to connect has ended. */
  #known: boolean | undefined;
  #closed = false;

  /** @param read what is known of all connections together. */
  constructor(read: () => BackendStatus) {
    this.#read = read;
  }

  /** A connection was made: the store is there once all of them are. */
  connected(): void {
    if (this.#closed || this.#known === true || !this.#read().available) return;
    const isBack = this.#known === false;
    this.#known = true;
    publishEvent('holdfast:queue:availability', () => ({ available: true }));
    if (isBack) for (const listener of this.#listeners) listener();
  }

  /** A connection was lost, or could not be made. */
  lost(): void {
    if (this.#closed || this.#known === false) return;
    const { available, reason } = this.#read();
    if (available) return;
    this.#known = false;
    publishEvent('holdfast:queue:availability', () => ({ available, ...(reason === undefined ? {} : { reason }) }));
  }

  onReturn(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** From now on connections end because they are to. */
  close(): void {
    this.#closed = true;
    this.#listeners.clear();
  }
}
