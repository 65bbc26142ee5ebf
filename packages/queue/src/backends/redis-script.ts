import { loadLua } from '../lua.ts';
import type { RedisClient } from './redis-watch.ts';

const marker = '--[[BULLMQ]]';

/** A script of ours whose only key is the prefix of a queue's keys. It may run one of BullMQ's own inside. */
export class RedisScript {
  readonly #name: string;
  readonly #lua: string;
  readonly #inner: string | undefined;

  /** @param inner BullMQ's name of the script that takes the place of the marker */
  constructor(file: string, inner?: string) {
    this.#name = `holdfast:${file}`;
    this.#lua = loadLua(file);
    this.#inner = inner;
  }

  async run(client: RedisClient, prefix: string, args: readonly (string | number)[]): Promise<unknown> {
    const known = (client as unknown as { scriptsSet: Record<string, { lua: string } | undefined> }).scriptsSet;
    if (known[this.#name] === undefined) {
      client.defineCommand(this.#name, { numberOfKeys: 1, lua: this.#textWith(known) });
    }
    return client.runCommand(this.#name, [prefix, ...args]);
  }

  #textWith(known: Record<string, { lua: string } | undefined>): string {
    if (this.#inner === undefined) return this.#lua;
    // The text that BullMQ registered, so that an upgrade of BullMQ is followed by itself. Its names end in a version.
    const inner = Object.entries(known).find(([name]) => name.split(':')[0] === this.#inner)?.[1];
    if (inner === undefined) throw new Error(`BullMQ has no script "${this.#inner}" on this connection.`);
    // A function, because the text holds `$`.
    return this.#lua.replace(marker, () => inner.lua);
  }
}
