import { isAccessRefused } from '@holdfast/redis-core';
import { publishEvent } from '../job/channels.ts';
import type { BackendStatus } from './backend.ts';

/** Makes one state of many connections, and tells when that changes. */
export class Availability {
  readonly #read: () => BackendStatus;
  readonly #address: string | undefined;
  readonly #listeners = new Set<() => void>();
  /** Unknown until the first attempt to connect has ended. */
  #known: boolean | undefined;
  /** Whether the store was said to be there and to refuse access. */
  #isRefused = false;
  #closed = false;

  /** @param read what is known of all connections together. @param address where the store is, if it is elsewhere. */
  constructor(read: () => BackendStatus, address?: string) {
    this.#read = read;
    this.#address = address;
  }

  /** A connection was made: the store is there once all of them are. */
  connected(): void {
    if (this.#closed || this.#known === true || !this.#read().available) return;
    const isBack = this.#known === false;
    this.#known = true;
    this.#isRefused = false;
    publishEvent('holdfast:queue:availability', () => ({
      available: true,
      ...(this.#address === undefined ? {} : { address: this.#address }),
    }));
    if (isBack) for (const listener of this.#listeners) listener();
  }

  /** A connection was lost, or could not be made, or for another reason than before. */
  lost(): void {
    if (this.#closed) return;
    const { available, reason, fault, neverConnected } = this.#read();
    if (available || (neverConnected === true && fault === undefined)) return;
    // Who finds a wrong password where an outage was must be told so.
    const isRefused = isAccessRefused(fault);
    if (this.#known === false && isRefused === this.#isRefused) return;
    this.#known = false;
    this.#isRefused = isRefused;
    publishEvent('holdfast:queue:availability', () => ({
      available,
      ...(this.#address === undefined ? {} : { address: this.#address }),
      ...(reason === undefined ? {} : { reason }),
      ...(fault === undefined ? {} : { fault }),
    }));
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
