/** Label of everything that is not worth, or not safe, a time series of its own. */
export const other = 'other';

/**
 * Lets the first `limit` different values through and turns the rest into `other`: a label never has more values than
 * that, whatever is published.
 */
export class BoundedLabel {
  readonly #limit: number;
  readonly #seen = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  of(value: string): string {
    if (this.#seen.has(value)) return value;
    if (this.#seen.size >= this.#limit || value.length > 200) return other;
    this.#seen.add(value);
    return value;
  }
}

/** The commands that the engines send, and those around them. */
const commands: ReadonlySet<string> = new Set(
  (
    'get mget set mset del unlink exists type pexpire pttl expire ttl persist scan time info ping config dbsize eval evalsha ' +
    'hget hmget hgetall hset hincrby hdel hlen hscan zadd zrange zrevrange zrangebyscore zrangebylex zrem zcard zscore ' +
    'xadd xrange xread xlen xtrim publish subscribe unsubscribe client hello auth select incr incrby flushdb multi exec'
  ).split(' '),
);

/** A known command, `script:<name>` for a script (names of scripts come from code), otherwise `other`. */
export function commandLabel(command: string, scripts: BoundedLabel): string {
  if (commands.has(command)) return command;
  return /^script:[A-Za-z0-9:_-]{1,64}$/.test(command) ? scripts.of(command) : other;
}

const methods: ReadonlySet<string> = new Set('GET HEAD POST PUT PATCH DELETE OPTIONS'.split(' '));

export function methodLabel(method: string): string {
  return methods.has(method) ? method : other;
}

/** `200`, `404`, …; `other` for what is no status of HTTP. */
export function statusLabel(status: number): string {
  return Number.isInteger(status) && status >= 100 && status <= 599 ? String(status) : other;
}
