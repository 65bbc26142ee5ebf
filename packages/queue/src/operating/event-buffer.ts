import { setTimeout as delay } from 'node:timers/promises';
import { EventsOverflowError } from '../job/errors.ts';
import type { FeedEvent } from './event-feed.ts';

/** Beyond either, whoever reads is too slow: it is told so instead of being given a stream with holes. */
const maxEvents = 1000;
const maxBytes = 4 * 1024 * 1024;

/** Holds events between those who publish and one who reads at a pace of his own. */
export class EventBuffer {
  readonly #events: { readonly event: FeedEvent; readonly bytes: number }[] = [];
  #bytes = 0;
  #isOverfull = false;
  #wake: (() => void) | undefined;
  readonly #onOverflow: () => void;

  /** @param onOverflow told at once: who does not read does not see what `next` throws */
  constructor(onOverflow: () => void = () => undefined) {
    this.#onOverflow = onOverflow;
  }

  push(event: FeedEvent): void {
    const bytes = JSON.stringify(event.details).length;
    if (this.#isOverfull) return;
    if (this.#events.length >= maxEvents || this.#bytes + bytes > maxBytes) {
      // What it holds is of no use any more.
      this.#isOverfull = true;
      this.#events.length = 0;
      this.#onOverflow();
    } else {
      this.#events.push({ event, bytes });
      this.#bytes += bytes;
    }
    this.#wake?.();
  }

  /**
   * The next event; `undefined` when none came in time or `signal` was aborted.
   *
   * @throws EventsOverflowError when more has come than is kept
   */
  async next(waitMs: number, signal: AbortSignal): Promise<FeedEvent | undefined> {
    if (this.#events.length === 0 && !this.#isOverfull && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = new AbortController();
      this.#wake = resolve;
      const ended = AbortSignal.any([signal, timer.signal]);
      await Promise.race([promise, delay(waitMs, undefined, { signal: ended }).catch(() => undefined)]);
      timer.abort();
      this.#wake = undefined;
    }
    if (this.#isOverfull) throw new EventsOverflowError();
    const first = this.#events.shift();
    if (first === undefined) return undefined;
    this.#bytes -= first.bytes;
    return first.event;
  }
}
