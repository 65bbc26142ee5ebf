import { bullmqScript } from './bullmq-inside.ts';
import { loadLua } from './lua.ts';
import { QueueUnavailableError } from '../job/errors.ts';
import type { RedisClient } from './connection-watch.ts';
import type { DeadlineClock } from './deadline-clock.ts';

const marker = '--[[BULLMQ]]';
const unlessLate = loadLua('unless-late', ['server-time']);

/** A script of ours whose only key is the prefix of a queue's keys. It may run one of BullMQ's own inside. */
export class RedisScript {
  readonly #name: string;
  readonly #lua: string;
  readonly #inner: readonly string[];
  readonly #marks: readonly string[];
  readonly #makesRoom: boolean;

  /**
   * @param inner BullMQ's name of the script that takes the place of the marker; of several, each has a marker of its own
   *   name, such as `--[[addParentJob]]`
   * @param shared see `loadLua`
   * @param before what else is put before it
   * @param makesRoom whether it frees memory, and so is to work on a Redis that has none left
   */
  constructor(
    file: string,
    inner: string | readonly string[] = [],
    shared: readonly string[] = [],
    { before = '', makesRoom = false }: { readonly before?: string; readonly makesRoom?: boolean } = {},
  ) {
    this.#makesRoom = makesRoom;
    this.#name = `holdfast:${file}`;
    this.#lua = before + loadLua(file, shared);
    this.#inner = typeof inner === 'string' ? [inner] : inner;
    this.#marks = typeof inner === 'string' ? [marker] : inner.map((name) => `--[[${name}]]`);
  }

  async run(client: RedisClient, prefix: string, args: readonly (string | number | Buffer)[]): Promise<unknown> {
    if (!(this.#name in client)) client.defineCommand(this.#name, { numberOfKeys: 1, lua: this.text() });
    return client.runCommand(this.#name, [prefix, ...args]);
  }

  /**
   * Runs it unless Redis gets to it later than at `deadline` (milliseconds since the epoch, by our clock).
   *
   * @throws QueueUnavailableError it came too late, and nothing was changed
   */
  async runBefore(
    deadline: number,
    clock: DeadlineClock,
    client: RedisClient,
    prefix: string,
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    const name = `${this.#name}:in-time`;
    if (!(name in client)) {
      const lua = `local makes_room = ${this.#makesRoom}\n${unlessLate}${this.text()}`;
      client.defineCommand(name, { numberOfKeys: 1, lua });
    }
    for (let attempt = 1; ; attempt += 1) {
      const latest = await clock.at(deadline, client);
      const sentAt = Date.now();
      try {
        return await client.runCommand(name, [prefix, ...args, latest]);
      } catch (error) {
        const now = error instanceof Error ? /^LATE (\d+)/.exec(error.message)?.[1] : undefined;
        if (now === undefined) throw error;
        clock.learn(Number(now), sentAt);
        // Either the command was really held up, or the clock of Redis has jumped.
        if (attempt === 2 || Date.now() >= deadline) {
          throw new QueueUnavailableError('Redis got to the call too late; nothing was changed.');
        }
      }
    }
  }

  /** The whole text, with that of BullMQ. */
  text(): string {
    // A function, because the text holds `$`.
    return this.#inner.reduce(
      (text, name, at) => text.replace(this.#marks[at] ?? marker, () => bullmqScript(name).lua),
      this.#lua,
    );
  }
}
