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
    const known = scriptsOn(client);
    if (known[this.#name] === undefined) {
      client.defineCommand(this.#name, { numberOfKeys: 1, lua: this.#textWith(known) });
    }
    return client.runCommand(this.#name, [prefix, ...args]);
  }

  /** How many keys one of BullMQ's scripts gets. */
  keysOf(client: RedisClient, name: string): number {
    return innerScript(scriptsOn(client), name).numberOfKeys;
  }

  #textWith(known: Scripts): string {
    return this.#inner.reduce((text, name, at) => {
      const { lua } = innerScript(known, name);
      // A function, because the text holds `$`.
      return text.replace(this.#marks[at] ?? marker, () => lua);
    }, this.#lua);
  }
}

type Scripts = Record<string, { readonly lua: string; readonly numberOfKeys: number } | undefined>;

function scriptsOn(client: RedisClient): Scripts {
  return (client as unknown as { scriptsSet: Scripts }).scriptsSet;
}

/** The text that BullMQ registered, so that an upgrade of BullMQ is followed by itself. Its names end in a version. */
function innerScript(known: Scripts, name: string): { readonly lua: string; readonly numberOfKeys: number } {
  const inner = Object.entries(known).find(([full]) => full.split(':')[0] === name)?.[1];
  if (inner === undefined) throw new Error(`BullMQ has no script "${name}" on this connection.`);
  return inner;
}
