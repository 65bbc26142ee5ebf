import { isCommandRefused } from '@holdfast/redis-core';
import type { RedisClient } from './connection-watch.ts';

/** What is known of the clock of a Redis: deadlines that a script looks at are by its own. Milliseconds since the epoch. */
export class DeadlineClock {
  /**
   * Redis' clock minus ours is at least this: so a deadline is never later than it was meant, however slow the replies were
   * from which this was learned.
   */
  #offsetMs: number | undefined;

  /** The time of Redis when ours is `time`, or shortly before. The first time it is asked for. */
  async at(time: number, client: RedisClient): Promise<number> {
    if (this.#offsetMs === undefined) await this.#measure(client);
    return Math.floor(time + (this.#offsetMs ?? 0));
  }

  /**
   * A reply told the time of Redis, which was read some time between its request and now.
   *
   * @param sentAt our time when it was asked for
   */
  learn(redisNow: number, sentAt: number): void {
    const least = redisNow - Date.now();
    const most = redisNow - sentAt;
    const known = this.#offsetMs;
    // The tightest bound is kept, unless one of the clocks has moved since.
    if (known === undefined || known < least || known > most) this.#offsetMs = least;
  }

  async #measure(client: RedisClient): Promise<void> {
    const sentAt = Date.now();
    let reply: readonly [string, string];
    try {
      reply = await (client as unknown as { time(): Promise<[string, string]> }).time();
    } catch (error) {
      if (!isCommandRefused(error)) throw error;
      // What comes too late by this clock is told the time.
      this.#offsetMs = 0;
      return;
    }
    const [seconds, microseconds] = reply;
    this.learn(Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000), sentAt);
  }
}
