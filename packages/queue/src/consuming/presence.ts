import type { PresenceTimes } from '../port/consumer-tuning.ts';
import type { BeatReply, HeldJob, WorkerRegistry } from '../port/worker-registry.ts';

export interface PresenceOptions {
  readonly registry: WorkerRegistry;
  readonly workerId: string;
  readonly times: PresenceTimes;
  readonly crashLimit: number;
  /** The jobs whose handlers run. */
  readonly running: () => readonly HeldJob[];
  /** Whether this worker knows of the job: fetched, running, or being handed in. */
  readonly holds: (job: HeldJob) => boolean;
  /** Each beat that was answered. */
  readonly onReply: (reply: BeatReply) => void;
  readonly onError: (error: Error) => void;
}

/** After a beat that failed: soon enough for the presence to hold when the store is only away for a moment. */
const retryMs = 500;
/** How often a worker looks for jobs that belong to nobody. */
const lookMs = 15_000;
/** A fetch that has not come to its worker after this time never will. */
const fetchPatienceMs = 6000;

/**
 * The heartbeat of one worker of one queue. Each beat is one command, and does everything at once: see
 * `WorkerRegistry.beat`.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #registered = Promise.withResolvers<void>();
  #link: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  /** Another beat is wanted, and the one that is under way may have looked before. */
  #again = false;
  #nextLookAt = Number.NEGATIVE_INFINITY;
  /** Jobs under tokens of this worker that only the store knew of at the last look, and since when. */
  #orphans: ReadonlyMap<string, number> = new Map();
  #stopped = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the store knows of this worker, which is before it takes its first job: a job of a worker that nobody
   * knows would be rescued late. Also when the worker ends before that.
   */
  get registered(): Promise<void> {
    return this.#registered.promise;
  }

  start(): void {
    this.#schedule(0);
  }

  /** Beats now instead of at its time; after the beat that is under way, if there is one. */
  hurry(): void {
    if (this.#timer === undefined) this.#again = true;
    else this.#schedule(0);
  }

  /** Beats now, and looks for jobs that only the store believes to run here: a link to it broke. */
  lookAround(): void {
    this.#nextLookAt = Number.NEGATIVE_INFINITY;
    this.hurry();
  }

  /** Beats no more; `leave` follows when the jobs have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#registered.resolve();
    await this.#beating;
  }

  /** Jobs that are still held are given back by others at once. */
  async leave(holdsJobs: boolean): Promise<void> {
    await this.#options.registry.leave(this.#options.workerId, holdsJobs);
  }

  #schedule(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#beating = this.#beat();
    }, milliseconds);
  }

  async #beat(): Promise<void> {
    const { registry, workerId, times, crashLimit, running, onReply, onError } = this.#options;
    const { heartbeatMs, ttlMs } = times;
    const startedAt = performance.now();
    this.#again = false;
    const everything = startedAt >= this.#nextLookAt;
    if (everything) this.#nextLookAt = startedAt + Math.max(lookMs, ttlMs);
    let next = heartbeatMs;
    try {
      const reply = await registry.beat({
        workerId,
        ttlMs,
        link: this.#link,
        crashLimit,
        everything,
        running: running(),
      });
      this.#link = reply.link;
      this.#registered.resolve();
      if (everything) await this.#giveBackOrphans(reply.own, startedAt);
      onReply(reply);
      if (this.#orphans.size > 0) next = Math.min(next, Math.max(0, this.#nextLookAt - startedAt));
      if (reply.dueMs !== undefined) next = Math.min(next, Math.max(reply.dueMs + 10, 20));
      if (this.#again) next = 0;
    } catch (error) {
      this.#link = 'broken';
      // What was under way when the link broke may have been carried out: look for it soon.
      this.#nextLookAt = Number.NEGATIVE_INFINITY;
      onError(error instanceof Error ? error : new Error(String(error)));
      next = Math.min(retryMs, heartbeatMs);
    }
    this.#schedule(Math.max(0, next - (performance.now() - startedAt)));
  }

  /**
   * A fetch that Redis carried out and whose reply was lost leaves a job active under a token of ours that nobody here
   * knows. When that is so for a while, it is no reply that is still under way.
   */
  async #giveBackOrphans(own: readonly HeldJob[], now: number): Promise<void> {
    const { registry, holds, times } = this.#options;
    const patienceMs = Math.min(fetchPatienceMs, times.ttlMs);
    const orphans = new Map<string, number>();
    for (const job of own) {
      if (holds(job)) continue;
      const since = this.#orphans.get(nameOf(job)) ?? now;
      if (now - since >= patienceMs) {
        await registry.giveBack(job.id, job.token);
      } else {
        orphans.set(nameOf(job), since);
        this.#nextLookAt = Math.min(this.#nextLookAt, since + patienceMs);
      }
    }
    this.#orphans = orphans;
  }
}

/** One token can hold several jobs, one after the other. */
function nameOf({ id, token }: HeldJob): string {
  return `${token} ${id}`;
}
