import { EventsOverflowError } from '../job/errors.ts';
import type { BufferedBytes } from './buffered-bytes.ts';
import type { FeedEvent } from './feed-event.ts';
import type { ToldLook } from './job-listeners.ts';

/** Beyond either, whoever reads is too slow: it is told so instead of being given a stream with holes. */
const maxEvents = 1000;
const maxBytes = 4 * 1024 * 1024;

export type Buffered =
  | { readonly kind: 'event'; readonly event: FeedEvent }
  /** The events behind this come behind that one, however early it is. */
  | { readonly kind: 'reset'; readonly eventId: string }
  /** Comes behind the events that were told before it. */
  | { readonly kind: 'look'; readonly look: ToldLook };

/** Holds what is told of a job between those who tell and one who reads at a pace of his own. */
export class EventBuffer {
  readonly #told: { readonly what: Buffered; readonly bytes: number }[] = [];
  /** The latest one: an older one says nothing any more. */
  #look: ToldLook | undefined;
  #bytes = 0;
  #isOverfull = false;
  #wake: (() => void) | undefined;
  readonly #all: BufferedBytes;
  readonly #onOverflow: () => void;

  /** @param onOverflow told at once: who does not read does not see what `next` throws */
  constructor(all: BufferedBytes, onOverflow: () => void = () => undefined) {
    this.#all = all;
    this.#onOverflow = onOverflow;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(event: FeedEvent): void {
    this.#push({ kind: 'event', event }, this.#isOverfull ? 0 : JSON.stringify(event.details).length);
  }

  pushReset(eventId: string): void {
    this.#push({ kind: 'reset', eventId }, 0);
  }

  #push(what: Buffered, bytes: number): void {
    if (this.#isOverfull) return;
    this.#told.push({ what, bytes });
    this.#count(bytes);
    if (this.#told.length > maxEvents || this.#bytes > maxBytes) this.overflow();
    this.#wake?.();
  }

  pushLook(look: ToldLook): void {
    if (this.#isOverfull) return;
    this.#look = look;
    this.#wake?.();
  }

  /** What it holds is of no use any more; who reads is told so. */
  overflow(): void {
    this.#isOverfull = true;
    this.clear();
    this.#onOverflow();
    this.#wake?.();
  }

  /** Nobody reads any more. */
  clear(): void {
    this.#told.length = 0;
    this.#look = undefined;
    this.#count(-this.#bytes);
  }

  /**
   * What was told next; `undefined` when nothing was in time or `signal` was aborted.
   *
   * @throws EventsOverflowError when more has come than is kept
   */
  async next(waitMs: number, signal: AbortSignal): Promise<Buffered | undefined> {
    if (this.#isEmpty && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = (): void => resolve();
      const timer = setTimeout(wake, waitMs);
      signal.addEventListener('abort', wake);
      this.#wake = wake;
      await promise;
      this.#wake = undefined;
      signal.removeEventListener('abort', wake);
      clearTimeout(timer);
    }
    if (this.#isOverfull) throw new EventsOverflowError();
    const first = this.#told.shift();
    if (first !== undefined) {
      this.#count(-first.bytes);
      return first.what;
    }
    const look = this.#look;
    this.#look = undefined;
    return look === undefined ? undefined : { kind: 'look', look };
  }

  get #isEmpty(): boolean {
    return this.#told.length === 0 && this.#look === undefined && !this.#isOverfull;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#all.changed(this, bytes);
  }
}
