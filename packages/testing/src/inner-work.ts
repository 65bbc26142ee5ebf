import { monitor } from './monitor.ts';
import { PlainRedis } from './plain-redis.ts';
import { elementsOf, sizedKeysOf } from './touched-elements.ts';

/** What one command of a client had Redis do before anybody else was served. */
export interface CommandWork {
  /** As the client sent it. */
  readonly argv: readonly string[];
  /** The command itself and those that it ran inside, where it is a script. */
  readonly commands: number;
  /** Members, fields and entries that those had to look at, at most: see `elementsOf`. */
  readonly elements: number;
  /** The inner command that looked at most of them. */
  readonly largest: { readonly argv: readonly string[]; readonly elements: number };
}

/**
 * What a command may do so that Redis is free again after some 5 ms on a slow machine: an inner command costs about 2 µs there,
 * an element that comes into a script 0.3 µs.
 */
export const boundedWork = { commands: 1_200, elements: 10_000 } as const;

/** The sizes of all keys that have one, as JSON `[key, size, …]`, without those of strings. */
const sizesScript = `
  local measures = {list = 'LLEN', set = 'SCARD', zset = 'ZCARD', hash = 'HLEN', stream = 'XLEN'}
  local sizes, cursor = {}, '0'
  repeat
    local page = redis.call('SCAN', cursor, 'COUNT', 1000)
    cursor = page[1]
    for _, key in ipairs(page[2]) do
      local measure = measures[redis.call('TYPE', key).ok]
      if measure then
        sizes[#sizes + 1] = key
        sizes[#sizes + 1] = redis.call(measure, key)
      end
    end
  until cursor == '0'
  return cjson.encode(sizes)`;

/**
 * Counts what calls have Redis do, on a server that nobody else uses: counts are the same on a busy machine, and grow with
 * whatever is not bounded, so that a test can compare a short queue with a long one.
 *
 * @example
 * const work = await InnerWork.on(redis.url);
 * const { commands } = await work.of(async () => queues.admin.list('q'));
 * for (const each of commands) expect(each.elements).toBeLessThan(boundedWork.elements);
 */
export class InnerWork {
  readonly #url: string;
  readonly #redis: PlainRedis;

  private constructor(url: string, redis: PlainRedis) {
    this.#url = url;
    this.#redis = redis;
  }

  static async on(url: string): Promise<InnerWork> {
    return new InnerWork(url, await PlainRedis.connect(url));
  }

  /** Makes a call; replies what it brought, and the work of each command that clients sent meanwhile. */
  async of<Reply>(
    call: () => Promise<Reply>,
  ): Promise<{ readonly reply: Reply; readonly commands: readonly CommandWork[] }> {
    const before = await this.#sizes();
    // Only for the call: else it would be told of each key whose size is asked for.
    const watch = await monitor(this.#url);
    let reply: Reply;
    try {
      reply = await call();
      await watch.settle();
    } finally {
      await watch.stop();
    }
    const seen = watch.withInner();
    const after = await this.#sizes();
    // A key that shrinks or is removed meanwhile was as large as before, one that grows as large as after.
    const sizeOf = (key: string): number => Math.max(before.get(key) ?? 0, after.get(key) ?? 0);
    return { reply, commands: seen.map(({ argv, inner }) => workOf(argv, inner, sizeOf)) };
  }

  close(): void {
    this.#redis.close();
  }

  async #sizes(): Promise<Map<string, number>> {
    const text = String(await this.#redis.send('EVAL', sizesScript, '0'));
    // Lua has one empty table, which is an object in JSON.
    const pairs = text === '{}' ? [] : (JSON.parse(text) as (string | number)[]);
    const sizes = new Map<string, number>();
    for (let at = 0; at < pairs.length; at += 2) sizes.set(String(pairs[at]), Number(pairs[at + 1]));
    return sizes;
  }
}

/** The one that looked at most elements, and then the one that ran most commands: for a message that says what was too much. */
export function heaviest(commands: readonly CommandWork[]): CommandWork | undefined {
  return commands.toSorted((a, b) => b.elements - a.elements || b.commands - a.commands)[0];
}

function workOf(
  argv: readonly string[],
  inner: readonly (readonly string[])[],
  sizeOf: (key: string) => number,
): CommandWork {
  // A script names all its keys; what it does with them is told by what it runs.
  const ran = [...(inner.length > 0 || isScript(argv) ? [] : [argv]), ...inner];
  const each = ran.map((one) => ({ argv: one, elements: elementsOf(one, sizedKeysOf(one).map(sizeOf)) }));
  const largest = each.toSorted((a, b) => b.elements - a.elements)[0] ?? { argv, elements: 0 };
  return {
    argv,
    commands: 1 + inner.length,
    elements: each.reduce((sum, { elements }) => sum + elements, 0),
    largest,
  };
}

function isScript([name = '']: readonly string[]): boolean {
  return /^(eval|fcall)/i.test(name);
}
