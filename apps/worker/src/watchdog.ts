import type { ConsumerStatus, QueueSummary } from '@holdfast/queue';
import type { Logger } from '@holdfast/telemetry';

export interface WatchdogOptions {
  readonly status: () => Readonly<Record<string, ConsumerStatus>>;
  readonly summary: (queue: string) => Promise<Pick<QueueSummary, 'paused' | 'oldestWaitingAgeMs'>>;
  /** A consumer that has room and has asked for no job for so long is suspect. Milliseconds. */
  readonly stuckAfterMs: number;
  readonly logger: Logger;
}

/**
 * Looks whether the consumers really fetch. That Redis answers says nothing about it: a fetch loop can stand still while
 * every PING is answered, and then jobs wait for ever. The store is only asked about a queue whose consumer is suspect.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  #stuck: readonly string[] = [];
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #looks = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** The queues with jobs that could run, and a consumer that does not ask for them. */
  get stuck(): readonly string[] {
    return this.#stuck;
  }

  start(): void {
    this.#startedAt = Date.now();
    const look = (): void => {
      if (!this.#looks) void this.#look();
    };
    this.#timer = setInterval(look, Math.max(20, Math.min(5000, this.#options.stuckAfterMs / 4)));
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { status, logger } = this.#options;
    const stuck: string[] = [];
    this.#looks = true;
    for (const [queue, consumer] of Object.entries(status())) {
      if (this.#isSuspect(consumer) && (await this.#hasBacklog(queue))) stuck.push(queue);
    }
    for (const queue of stuck.filter((name) => !this.#stuck.includes(name))) {
      logger.error({ queue, ...status()[queue] }, 'jobs wait, and the worker does not ask for them');
    }
    this.#stuck = stuck;
    this.#looks = false;
  }

  #isSuspect({ running, canFetch, lastFetchAt }: ConsumerStatus): boolean {
    return running && canFetch && Date.now() - Math.max(lastFetchAt ?? 0, this.#startedAt) > this.#options.stuckAfterMs;
  }

  async #hasBacklog(queue: string): Promise<boolean> {
    try {
      const { paused, oldestWaitingAgeMs } = await this.#options.summary(queue);
      return !paused && oldestWaitingAgeMs > this.#options.stuckAfterMs;
    } catch {
      // The store is away: then nobody can fetch, and a restart would not help.
      return false;
    }
  }
}
