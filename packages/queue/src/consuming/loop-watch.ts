import type { LoopSign } from './loop-sign.ts';

export interface LoopWatchOptions {
  readonly sign: Pick<LoopSign, 'turns' | 'patienceMs'>;
  /** How often `look` is called. */
  readonly everyMs: number;
}

export type LoopState =
  | { readonly kind: 'turning' }
  /** It turns again, after it was stuck. */
  | { readonly kind: 'freed'; readonly stoodMs: number; readonly limitMs: number }
  | { readonly kind: 'standing'; readonly stoodMs: number }
  /** It has stood for longer than it may. `isNews`: this was seen for the first time. */
  | { readonly kind: 'stuck'; readonly isNews: boolean; readonly stoodMs: number; readonly limitMs: number };

/**
 * Judges, from another thread, whether an event loop turns. It counts its own looks instead of asking a clock: while the
 * whole process is stopped (SIGSTOP, a frozen container, a suspended machine) nobody looks, and so no loop has stood.
 */
export class LoopWatch {
  readonly #options: LoopWatchOptions;
  #turns: number;
  #lookedAt = performance.now();
  #stoodMs = 0;
  #stuckLimitMs: number | undefined;

  constructor(options: LoopWatchOptions) {
    this.#options = options;
    this.#turns = options.sign.turns;
  }

  look(): LoopState {
    const { sign, everyMs } = this.#options;
    const now = performance.now();
    // A look that comes late was held up as well, or stopped.
    const passedMs = Math.min(now - this.#lookedAt, 2 * everyMs);
    this.#lookedAt = now;
    if (sign.turns !== this.#turns) {
      const [stoodMs, limitMs] = [this.#stoodMs, this.#stuckLimitMs];
      this.#turns = sign.turns;
      this.#stoodMs = 0;
      this.#stuckLimitMs = undefined;
      return limitMs === undefined ? { kind: 'turning' } : { kind: 'freed', stoodMs, limitMs };
    }
    this.#stoodMs += passedMs;
    const stoodMs = Math.round(this.#stoodMs);
    if (stoodMs <= sign.patienceMs) return { kind: 'standing', stoodMs };
    const isNews = this.#stuckLimitMs === undefined;
    this.#stuckLimitMs ??= sign.patienceMs;
    return { kind: 'stuck', isNews, stoodMs, limitMs: this.#stuckLimitMs };
  }
}
