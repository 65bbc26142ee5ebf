import { circuitBreaker, CircuitState, type CircuitBreakerPolicy, handleAll, type IBreaker } from 'cockatiel';
import { RecentCalls } from './recent-calls.ts';

export type BreakerState = 'closed' | 'half-open' | 'open';

/** So many failures in a row open it… */
const CONSECUTIVE_FAILURES = 5;
/** …or more than this part of the calls of the last 10 s, once there were a few. */
const FAILING_PART = 0.5;
const MINIMUM_CALLS = 20;
const WINDOW_MS = 10_000;
const WINDOW_PARTS = 10;

/**
 * The circuit breaker of one connection. It counts what the calls report, but no call is ever the one that tries
 * whether Redis is back: that is `attempt`, by whoever watches the connection. So a call made while it is not closed
 * fails at once and never waits for another to decide.
 *
 * The state machine is cockatiel's.
 */
export class Breaker {
  readonly #rule = new EitherRule();
  readonly #policy: CircuitBreakerPolicy;
  readonly #onChange: (state: BreakerState) => void;

  /** `onChange` hears of each state after the first, which is `closed`. */
  constructor(onChange: (state: BreakerState) => void) {
    this.#onChange = onChange;
    this.#policy = circuitBreaker(handleAll, { breaker: this.#rule, halfOpenAfter: 0 });
    this.#policy.onStateChange(() => this.#onChange(this.state));
  }

  get state(): BreakerState {
    if (this.#policy.state === CircuitState.Closed) return 'closed';
    return this.#policy.state === CircuitState.HalfOpen ? 'half-open' : 'open';
  }

  /** A call that began `at` (on that clock) was answered, whatever the answer was. */
  succeeded(at = performance.now()): void {
    this.#rule.answered(at);
  }

  /** A call was not answered. Opens the breaker when that were too many; resolves with whether it is open now. */
  async failed(): Promise<boolean> {
    if (this.state === 'closed') await this.#record();
    return this.state !== 'closed';
  }

  /** Opens it at once, without counting. Resolves when it is open. */
  async trip(): Promise<void> {
    if (this.state !== 'closed') return;
    this.#rule.isTripped = true;
    await this.#record();
    this.#rule.isTripped = false;
  }

  /** Half-opens, and closes when `work` resolves; opens again when it rejects. Replies whether it is closed then. */
  async attempt(work: () => Promise<unknown>): Promise<boolean> {
    await this.#policy.execute(work).catch(() => undefined);
    return this.state === 'closed';
  }

  /** The policy takes failures only of what it executed. */
  async #record(): Promise<void> {
    await this.#policy.execute(() => Promise.reject(new Error('failed'))).catch(() => undefined);
  }
}

/**
 * Opens when either rule says so: a burst of failures, or many among many calls. What is answered is only counted: it
 * happens hundreds of thousands of times a second, and no answer opens or closes anything.
 */
class EitherRule implements IBreaker {
  isTripped = false;
  state: unknown;
  #inARow = 0;
  #recent = new RecentCalls(WINDOW_MS, WINDOW_PARTS);

  answered(at: number): void {
    this.#inARow = 0;
    this.#recent.answered(at);
  }

  /** Of what the policy executes: the proof that a new connection works. What was before it says nothing any more. */
  success(): void {
    this.#inARow = 0;
    this.#recent = new RecentCalls(WINDOW_MS, WINDOW_PARTS);
  }

  failure(): boolean {
    if (this.isTripped) return true;
    const now = performance.now();
    this.#inARow += 1;
    this.#recent.failed(now);
    if (this.#inARow >= CONSECUTIVE_FAILURES) return true;
    const { answered, failed } = this.#recent.within(now);
    const calls = answered + failed;
    return calls >= MINIMUM_CALLS && failed > FAILING_PART * calls;
  }
}
