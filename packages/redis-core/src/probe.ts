/** What a probe watches: a connection that can be asked something cheap. */
export interface ProbeTarget {
  /** How many bytes the connection has received so far; `undefined` while there is none that could be asked. */
  received(): number | undefined;
  /** How many bytes it was given to send so far. Asked only of a connection that there is. */
  sent(): number;
  /** Asks; settles with the answer. */
  ask(): Promise<void>;
  /** Asks the same server by another way, where no upload is before the question; rejects when it does not answer. */
  askBeside(): Promise<void>;
  /** Whether it is to be watched closely: `idle` counts from when it last was. */
  isInUse(): boolean;
}

/** When a connection is idle, and how it is watched then. */
export interface IdleWatch {
  /** So long after it was in use. */
  readonly afterMs: number;
  /** The longest that it may be silent without being asked. */
  readonly intervalMs: number;
}

export interface ProbeOptions {
  /** The longest that a connection in use may be silent without being asked. 0: never asks. */
  readonly intervalMs: number;
  /** Default: after 5 s, and 5 s. */
  readonly idle?: IdleWatch | undefined;
  /** How long it may then stay silent. */
  readonly deadlineMs: number;
  /** How long it may be silent behind an upload while its server answers beside it: as long as any call lasts. */
  readonly patienceMs: number;
  readonly target: ProbeTarget;
  /** Silent beyond the deadline. Called once for each connection; the target must have none then. */
  readonly onSilence: (silentMs: number) => void;
}

const usualIdle: IdleWatch = { afterMs: 5000, intervalMs: 5000 };

/** For a connection that is in use only while something waits on it. `undefined`: as usual. */
export function idleWatch(intervalMs: number | undefined): IdleWatch | undefined {
  return intervalMs === undefined ? undefined : { afterMs: 0, intervalMs };
}
/** What is unanswered beyond this may still be on its way: a question behind it is answered late by a server in best health. */
const UPLOAD_BYTES = 64 * 1024;

/**
 * Notices a connection that has gone silent, independently of the calls on it and of their deadlines: it may be half
 * open, or its server frozen. A connection on which bytes arrive costs nothing; a silent one is asked, and given up when
 * nothing at all has come after the deadline. Noticed at the latest after the deadline of the question before, half an
 * interval, and a deadline (or after 1.25 intervals and a deadline, where that is more).
 *
 * One that is idle is asked less often. It is watched closely again from the next call on, or as soon as one is not answered
 * between two looks, so that this call too has ended after that time.
 *
 * Nobody can see how much of what was written is still on its way: megabytes lie in the buffers of the network, on a slow
 * link for seconds. A connection that much was written to since it was last heard is therefore asked beside itself as well,
 * on a connection made for the one question, and is alive while its server is. So an upload is not taken for silence, and a
 * frozen server is noticed as soon as without one.
 */
export class Probe {
  readonly #options: ProbeOptions;
  readonly #timer: NodeJS.Timeout | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #received = -1;
  #heardAt = 0;
  #usedAt = 0;
  /** What it had been given to send when it was last looked at, and when it was last heard. */
  #sent = 0;
  #sentWhenHeard = 0;
  #besideAt = -1;
  #isAsked = false;

  constructor(options: ProbeOptions) {
    this.#options = options;
    // Two looks in each interval: what was heard is known half an interval later at the latest.
    if (options.intervalMs > 0) this.#timer = setInterval(() => this.#look(), options.intervalMs / 2).unref();
  }

  /** Never calls anybody again. */
  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#deadline);
  }

  /** Whether calls on it may wait for an upload that is before them, so that their lateness says nothing of the server. */
  get isUploading(): boolean {
    const { intervalMs, patienceMs, target } = this.#options;
    if (intervalMs === 0 || this.#received === -1 || target.received() !== this.#received) return false;
    return this.#hasUpload() && performance.now() - this.#heardAt < patienceMs;
  }

  #look(): void {
    if (!this.#hears() || this.#deadline !== undefined) return;
    const now = performance.now();
    if (this.#options.target.isInUse()) this.#usedAt = now;
    const { intervalMs, idle = usualIdle } = this.#options;
    const isIdle = now - this.#usedAt > idle.afterMs;
    const limitMs = isIdle ? Math.max(idle.intervalMs, intervalMs) : intervalMs;
    if (now - this.#heardAt < limitMs - intervalMs / 4) return;
    this.#expect(now);
    const hasUpload = this.#hasUpload();
    // A question that is still behind the upload is enough.
    if (!hasUpload || !this.#isAsked) this.#ask();
    if (hasUpload) void this.#askBeside();
  }

  /** A refusal is an answer too. An answer that never comes shows as silence. */
  #ask(): void {
    this.#isAsked = true;
    const answered = (): void => {
      this.#isAsked = false;
    };
    this.#options.target.ask().then(answered, answered);
  }

  async #askBeside(): Promise<void> {
    try {
      await this.#options.target.askBeside();
      this.#besideAt = performance.now();
    } catch {
      // It shows as silence too.
    }
  }

  #hasUpload(): boolean {
    return this.#options.target.sent() - this.#sentWhenHeard > UPLOAD_BYTES;
  }

  /** Notes whether something came since the last look; `false` when there is no connection. */
  #hears(): boolean {
    const received = this.#options.target.received();
    if (received === undefined) {
      clearTimeout(this.#deadline);
      this.#deadline = undefined;
      this.#received = -1;
      this.#sent = 0;
      return false;
    }
    if (this.#received === -1) this.#usedAt = performance.now();
    if (received !== this.#received) {
      // Fewer than before are those of another connection.
      if (received < this.#received) this.#sent = 0;
      this.#received = received;
      this.#heardAt = performance.now();
      // What was written since the look before may have been written after what was heard.
      this.#sentWhenHeard = this.#sent;
    }
    this.#sent = this.#options.target.sent();
    return true;
  }

  #expect(askedAt: number): void {
    this.#deadline = setTimeout(() => {
      // If it was this process that had no time to listen, what has arrived is read before an immediate runs.
      setImmediate(() => {
        this.#deadline = undefined;
        const before = this.#heardAt;
        if (!this.#hears() || this.#heardAt > askedAt) return;
        const silentMs = performance.now() - before;
        if (this.#besideAt >= askedAt && silentMs < this.#options.patienceMs) return;
        this.#options.onSilence(silentMs);
      });
    }, this.#options.deadlineMs).unref();
  }
}
