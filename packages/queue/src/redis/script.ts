import { bullmqScript } from './bullmq-inside.ts';
import { loadLua } from './lua.ts';
import type { RedisClient } from './connection-watch.ts';

const marker = '--[[BULLMQ]]';

/** A script of ours whose only key is the prefix of a queue's keys. It may run one of BullMQ's own inside. */
export class RedisScript {
  readonly #name: string;
  readonly #lua: string;
  readonly #inner: readonly string[];
  readonly #marks: readonly string[];

  /**
   * @param inner BullMQ's name of the script that takes the place of the marker; of several, each has a marker of its own
   *   name, such as `--[[addParentJob]]`
   * @param shared see `loadLua`
   */
  constructor(file: string, inner: string | readonly string[] = [], shared: readonly string[] = []) {
    this.#name = `holdfast:${file}`;
    this.#lua = loadLua(file, shared);
    this.#inner = typeof inner === 'string' ? [inner] : inner;
    this.#marks = typeof inner === 'string' ? [marker] : inner.map((name) => `--[[${name}]]`);
  }

  async run(client: RedisClient, prefix: string, args: readonly (string | number | Buffer)[]): Promise<unknown> {
    if (!(this.#name in client)) client.defineCommand(this.#name, { numberOfKeys: 1, lua: this.text() });
    return client.runCommand(this.#name, [prefix, ...args]);
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
