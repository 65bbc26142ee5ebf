import type { L1Cache } from './l1-cache.ts';

/**
 * Waiting for a change of one key. It listens from the moment that it is made: a change after a read that begins later is
 * heard, or is known not to be. Most are never waited for, and so are nothing but an entry in a list until then.
 */
export class Change {
  readonly #l1: L1Cache;
  /** Of the tracking when it began to listen. */
  readonly #epoch: number;
  readonly #stop: () => void;
  #hasChanged = false;
  #resolve: ((changed: boolean) => void) | undefined;

  constructor(l1: L1Cache, complete: string) {
    this.#l1 = l1;
    this.#epoch = l1.epoch;
    this.#stop = l1.watch(complete, () => {
      this.#hasChanged = true;
      this.#resolve?.(true);
    });
  }

  /** Whether this process has heard of a change since. What was asked for before it may be of yesterday. */
  get hasChanged(): boolean {
    return this.#hasChanged;
  }

  /** Whether it changed before so many milliseconds were over, or `pollMs` where changes are not reported. */
  wait(ms: number, pollMs: number): Promise<boolean> {
    if (this.#hasChanged) return Promise.resolve(true);
    // A read from before tracking was armed is not reported, even if another one would be now.
    const isReported = this.#epoch !== 0 && this.#epoch === this.#l1.epoch;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#resolve?.(false), isReported ? ms : pollMs);
      this.#resolve = (changed) => {
        clearTimeout(timer);
        this.#resolve = undefined;
        resolve(changed);
      };
    });
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#stop();
    this.#resolve?.(false);
  }
}
