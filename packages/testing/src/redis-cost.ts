import { PlainRedis } from './plain-redis.ts';

/** What a call brought, and how long it kept Redis from others at most, in milliseconds. */
export interface Measured<Reply> {
  readonly reply: Reply;
  readonly costMs: number;
}

/**
 * Measures how long calls keep Redis from others, one after another, on a server that nobody else uses. Redis serves nobody
 * else while its main thread is at work for a command. Two figures bound how long that was from above: the processor time of
 * that thread (`INFO cpu`), which also holds what it did before and after the command (its cron, expiring, rehashing), and
 * the time that Redis itself took for the command (`INFO commandstats`), which also holds what a busy machine let the thread
 * wait. The truth is not above the smaller one. (Where the host of a virtual machine takes the processor away, both grow.)
 */
export class RedisCostMeter {
  readonly #redis: PlainRedis;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(redis: PlainRedis) {
    this.#redis = redis;
  }

  static async connect(url: string): Promise<RedisCostMeter> {
    return new RedisCostMeter(await PlainRedis.connect(url));
  }

  /** Makes a call once those before have ended. It should send one command; of several kinds the longest counts. */
  async measure<Reply>(call: () => Promise<Reply>): Promise<Measured<Reply>> {
    const mine = this.#last.then(async () => {
      const before = await this.#read();
      const reply = await call();
      const after = await this.#read();
      const ofCommand = [...after.commands].map(([command, ms]) => ms - (before.commands.get(command) ?? 0));
      return { reply, costMs: Math.min(after.mainThread - before.mainThread, Math.max(...ofCommand)) };
    });
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  close(): void {
    this.#redis.close();
  }

  /** Milliseconds since the start of the server: of its main thread, and by command (that of a script holds those inside). */
  async #read(): Promise<{ mainThread: number; commands: Map<string, number> }> {
    const [cpu, stats] = await Promise.all(
      ['cpu', 'commandstats'].map(async (part) => String(await this.#redis.send('INFO', part))),
    );
    const seconds = ['sys', 'user'].map((kind) => Number(cpu?.match(`used_cpu_${kind}_main_thread:([\\d.]+)`)?.[1]));
    const commands = [...(stats?.matchAll(/^cmdstat_(?!info)([^:]+):calls=\d+,usec=(\d+)/gm) ?? [])];
    return {
      mainThread: seconds.reduce((sum, one) => sum + one, 0) * 1000,
      commands: new Map(commands.map(([, command = '', microseconds]) => [command, Number(microseconds) / 1000])),
    };
  }
}
