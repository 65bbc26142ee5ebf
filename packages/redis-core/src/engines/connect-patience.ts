/** What a connection may take that is known to be quick: it has room for a lost packet or two. */
const SHORTEST_MS = 750;
/** Of a server that was never reached nothing is known; it may be far away. */
const FIRST_MS = 2000;
/** A server that answered, but is not ready (it loads its data), is asked again within a second. */
const LOADING_MS = 2500;
/** Every so many attempts in a row one gets all the time there is, in case the way has become longer. */
const FULL_TIME_EVERY = 10;

/**
 * How long an attempt to connect may hang. Behind a network that loses everything an attempt hangs for as long as it may,
 * also after the network has healed (TCP sends again ever later), so one long time-out would mean a long outage. What
 * is normal is learnt from the attempts that succeeded.
 */
export class ConnectPatience {
  readonly #longestMs: number;
  readonly #onOver: (reason: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #hung = 0;
  #usualMs: number | undefined;

  /** `longestMs` is what any attempt may take; `onOver` has to end the attempt that hangs. */
  constructor(longestMs: number, onOver: (reason: string) => void) {
    this.#longestMs = longestMs;
    this.#onOver = onOver;
  }

  /** An attempt begins; `received` says how many bytes it has received so far. */
  begin(received: () => number | undefined): void {
    this.#startedAt = performance.now();
    this.#watch(received, received(), this.limitMs);
  }

  /** The attempt is over: it failed by itself, or the connection ended. */
  end(): void {
    clearTimeout(this.#timer);
  }

  /** The attempt has led to a connection that can be used. */
  succeed(): void {
    clearTimeout(this.#timer);
    this.#hung = 0;
    this.#usualMs = performance.now() - this.#startedAt;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** What the next attempt may take. */
  get limitMs(): number {
    if (this.#usualMs === undefined) return Math.min(this.#longestMs, FIRST_MS * 2 ** Math.min(this.#hung, 10));
    if (this.#hung % FULL_TIME_EVERY === FULL_TIME_EVERY - 1) return this.#longestMs;
    return Math.min(this.#longestMs, Math.max(SHORTEST_MS, 3 * this.#usualMs));
  }

  #watch(received: () => number | undefined, before: number | undefined, limitMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const now = received();
      // It speaks, so it is there; only its silence ends this.
      if (now !== undefined && now > (before ?? 0)) return this.#watch(received, now, Math.max(limitMs, LOADING_MS));
      this.#hung += 1;
      const what = now === undefined || now === 0 ? 'connecting took' : 'Redis is not ready and has been silent for';
      // Nothing to end yet (the sentinels are still being asked): it is looked again.
      this.#watch(received, now, limitMs);
      this.#onOver(`${what} more than ${Math.round(limitMs)} ms`);
    }, limitMs).unref();
  }
}
