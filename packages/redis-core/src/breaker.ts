import {
  circuitBreaker,
  CircuitState,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  handleAll,
  type IBreaker,
  SamplingBreaker,
} from 'cockatiel';

export type BreakerState = 'closed' | 'half-open' | 'open';

/** So many failures in a row open it… */
const CONSECUTIVE_FAILURES = 5;
/** …or more than this part of the calls of the last 10 s, once there were a few. */
const FAILING_PART = 0.5;
const SAMPLED_MS = 10_000;
const MINIMUM_PER_SECOND = 2;

/**
 * The circuit breaker of one connection. It counts what the calls report, but no call is ever the one that tries
 * whether Redis is back: that is `attempt`, by whoever watches the connection. So a call made while it is not closed
 * fails at once and never waits for another to decide.
 *
 * The state machine and the sampling are cockatiel's.
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

  /** A call was answered, whatever the answer was. */
  succeeded(): void {
    this.#rule.success(CircuitState.Closed);
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

/** Opens when either rule says so: a burst of failures, or many among many calls. */
class EitherRule implements IBreaker {
  isTripped = false;
  state: unknown;
  #consecutive = new ConsecutiveBreaker(CONSECUTIVE_FAILURES);
  #sampling = sampling();

  success(state: CircuitState): void {
    if (state === CircuitState.HalfOpen) {
      this.#consecutive = new ConsecutiveBreaker(CONSECUTIVE_FAILURES);
      this.#sampling = sampling();
      return;
    }
    this.#consecutive.success();
    this.#sampling.success(state);
  }

  failure(state: CircuitState): boolean {
    const inARow = this.#consecutive.failure();
    const inPart = this.#sampling.failure(state);
    return this.isTripped || inARow || inPart;
  }
}

function sampling(): SamplingBreaker {
  return new SamplingBreaker({
    threshold: FAILING_PART,
    duration: SAMPLED_MS,
    minimumRps: MINIMUM_PER_SECOND,
  });
}
