import { Command, type Redis } from 'ioredis';
import type { ServerClock } from '../server-clock.ts';
import { isCommandRefused, type ServerLimits } from '../server-limits.ts';
import { flushWrites } from './ioredis-writes.ts';

/** What a server is asked to see whether it is there: its time, which is needed anyway; where that is refused, a PING. */
export class ServerQuestion {
  readonly #client: Redis;
  readonly #clock: ServerClock;
  readonly #limits: ServerLimits;
  /** Whether this connection was refused its TIME. */
  #isTimeRefused = false;
  #askedAt = -Infinity;

  constructor(client: Redis, clock: ServerClock, limits: ServerLimits) {
    this.#client = client;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** On a new connection: its rules may have changed, or it is another server. */
  begin(): void {
    this.#isTimeRefused = false;
  }

  /** When it was last asked, on the clock of `performance.now()`. */
  get askedAt(): number {
    return this.#askedAt;
  }

  async ask(): Promise<void> {
    this.#askedAt = performance.now();
    if (!this.#isTimeRefused) {
      try {
        await this.#askTime();
        this.#limits.lift('clock');
        return;
      } catch (error) {
        if (!isCommandRefused(error)) throw error;
        // Not asked again on this connection: each refusal would be noted in the log of the server (ACL LOG).
        this.#isTimeRefused = true;
        await this.#client.ping();
        this.#limits.note('clock', error.message);
        return;
      }
    }
    await this.#client.ping();
  }

  /** TIME, written at once: the sooner it is answered, the better it says what the time is. */
  async #askTime(): Promise<void> {
    const sentAt = performance.now();
    const asked = this.#client.sendCommand(new Command('time', [], { replyEncoding: 'utf8' }));
    flushWrites(this.#client);
    const reply = await asked;
    const [seconds, microseconds] = Array.isArray(reply) ? reply.map(Number) : [];
    if (seconds === undefined || microseconds === undefined) throw new Error('TIME replied something else');
    this.#clock.measure(sentAt, performance.now(), seconds * 1000 + microseconds / 1000);
  }
}
