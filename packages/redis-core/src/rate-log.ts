import type { Script } from './engine.ts';
import { defineScript, loadLua } from './script.ts';

/**
 * Never more than a limit in any span of time of a given length, wherever it begins: a log of what was taken, in chunks of at
 * most a 32nd of the limit, each with the time of the last amount in it. So the log has 65 chunks at most, whatever the limit;
 * at most a 32nd of the limit is granted later than it could be, and nothing earlier.
 */
export interface RateLogChunk {
  /** When the last of it was taken. Milliseconds. */
  readonly at: number;
  readonly amount: number;
}

export interface RateLogAsk {
  /** A whole number; 0 only asks. */
  readonly amount: number;
  readonly limit: number;
  /** Milliseconds. */
  readonly perMs: number;
  /**
   * The amount was taken then or later, by the clock of the log (milliseconds), and its place in the log moves to now; where it
   * counts no more, it is taken anew.
   */
  readonly since?: number;
}

export interface RateLogDecision {
  readonly taken: boolean;
  readonly remaining: number;
  /** Until this amount could be taken, if nobody else takes any: 0 where it was, -1 where it is more than the limit. Milliseconds. */
  readonly waitMs: number;
  /** Until nothing is noted any more. Milliseconds. */
  readonly resetMs: number;
  /** The log from now on, oldest first. */
  readonly chunks: readonly RateLogChunk[];
}

const chunksOfLimit = 32;

/** The rule itself, without a store: `lua/rate-log-take.lua` in TypeScript. Times are those of one clock. */
export function takeFromRateLog(log: readonly RateLogChunk[], ask: RateLogAsk, now: number): RateLogDecision {
  const { amount, limit, perMs, since } = ask;
  const chunks = log
    // What is yet to come was noted by a clock that was ahead.
    .map((chunk) => ({ at: Math.min(chunk.at, now), amount: chunk.amount }))
    .filter(({ at }) => at + perMs >= now);
  let used = chunks.reduce((sum, chunk) => sum + chunk.amount, 0);
  // Where another amount was noted between that one and its own note, the place is the other's: a later note then stands for it.
  const from =
    since !== undefined && since + perMs >= now
      ? chunks.find((chunk) => chunk.at >= since && chunk.amount >= amount)
      : undefined;
  let waitMs = 0;
  if (used - (from === undefined ? 0 : amount) + amount > limit) {
    let left = used;
    const freeing = chunks.find((chunk) => (left -= chunk.amount) + amount <= limit);
    waitMs = freeing === undefined ? -1 : freeing.at + perMs + 1 - now;
  } else if (amount > 0) {
    if (from !== undefined) {
      used -= amount;
      from.amount -= amount;
      if (from.amount === 0) chunks.splice(chunks.indexOf(from), 1);
    }
    const last = chunks.at(-1);
    if (last !== undefined && (last.at === now || (last.amount + amount) * chunksOfLimit <= limit)) {
      last.at = now;
      last.amount += amount;
    } else {
      chunks.push({ at: now, amount });
    }
    used += amount;
  }
  const last = chunks.at(-1);
  return {
    taken: waitMs === 0,
    remaining: Math.max(0, limit - used),
    waitMs,
    resetMs: last === undefined ? 0 : last.at + perMs + 1 - now,
    chunks,
  };
}

/** `taken` (1 or 0), `remaining`, `waitMs`, `resetMs`. */
export type RateLogReply = readonly [taken: number, remaining: number, waitMs: number, resetMs: number];

/**
 * The arguments of `rateLog`.
 * @param now for tests; else the clock of the server counts
 */
export function rateLogArguments({ amount, limit, perMs, since }: RateLogAsk, now?: number): string[] {
  return [amount, limit, perMs, since ?? '', ...(now === undefined ? [] : [now])].map(String);
}

/** Takes from the log at the only key, in one step; see `rateLogArguments`. Not repeated: it would take twice. */
export const rateLog: Script<RateLogReply> = defineScript({
  name: 'rate-log',
  lua: loadLua('rate-log', import.meta.url, ['rate-log-take']),
  idempotent: false,
  twin: (store, [key = ''], args) => {
    const [amount = 0, limit = 0, perMs = 0, time = 0, now = store.now()] = args.map(Number);
    const since = args[3]?.length === 0 ? {} : { since: time };
    const log = (store.get(key)?.toString() ?? '').split(' ').filter((text) => text !== '');
    const chunks = log.map((text) => {
      const [at = 0, size = 0] = text.split(':').map(Number);
      return { at, amount: size };
    });
    const decision = takeFromRateLog(chunks, { amount, limit, perMs, ...since }, now);
    if (decision.taken && amount > 0) {
      store.set(key, decision.chunks.map(({ at, amount: size }) => `${at}:${size}`).join(' '), perMs + 1);
    }
    return [Number(decision.taken), decision.remaining, decision.waitMs, decision.resetMs];
  },
});

/**
 * Lua that defines `rate_log_take(key, amount, limit, per, now, since)`, to be put before a script that takes from a log and does
 * something else in the same step. What it returns is what `rateLog` replies.
 */
export const rateLogLua: string = loadLua('rate-log-take', import.meta.url);
