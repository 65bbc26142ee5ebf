import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { numberOf, textOf, zaddGreater } from './access-scripts.ts';

/** Keys a call, of each kind: what keeps one call well below 5 ms. */
export const MAX_KEYS_PER_UPDATE = 100;

/** Names; names without those that have expired; whether the index is complete (1 or 0); forgotten expired ones; then pairs of key and time for those that are too many. */
export type RecencyReply = readonly (number | Buffer)[];

/**
 * In the set of names, with the highest score, and names that no entry can have. The index knows every entry, or is being completed
 * by a walk over all keys. With the set (Redis evicts it, somebody flushes) the mark goes too.
 */
export const COMPLETE_MARK = '';
export const BUILDING_MARK = '.';

export function isMark(name: string): boolean {
  return name === COMPLETE_MARK || name === BUILDING_MARK;
}

/** `lua/recency-mark.lua`. */
export const recencyMark: Script<number> = defineScript({
  name: 'recency-mark',
  lua: loadLua('recency-mark', import.meta.url),
  idempotent: false,
  twin: (store, [recency = ''], args) => {
    const [building = '', complete = ''] = args.map(textOf);
    if (store.zscore(recency, building) === null) return 0;
    store.zadd(recency, complete, Infinity);
    store.zrem(recency, building);
    return 1;
  },
});

/** `lua/recency-missing.lua`. */
export const recencyMissing: Script<readonly number[]> = defineScript({
  name: 'recency-missing',
  lua: loadLua('recency-missing', import.meta.url),
  idempotent: true,
  twin: (store, [recency = ''], args) =>
    args.flatMap((name, place) => (store.zscore(recency, textOf(name)) === null ? [place] : [])),
});

/** `lua/recency-update.lua`. Times only grow, so a call whose reply was lost is sent again. */
export const recencyUpdate: Script<RecencyReply> = defineScript({
  name: 'recency-update',
  lua: loadLua('recency-update', import.meta.url),
  idempotent: true,
  twin: (store, [recency = '', expiry = ''], args) => {
    const [now, bound, limit, writes] = args.slice(0, 4).map(numberOf);
    const removalsAt = 4 + (writes ?? 0) * 3;
    for (let at = 4; at < removalsAt; at += 3) {
      const key = textOf(args[at]);
      zaddGreater(store, recency, key, numberOf(args[at + 1]));
      if (textOf(args[at + 2]) === '0') store.zrem(expiry, key);
      else store.zadd(expiry, key, numberOf(args[at + 2]));
    }
    const forget = (key: string): void => {
      store.zrem(recency, key);
      store.zrem(expiry, key);
    };
    for (let at = removalsAt; at < args.length; at += 2) {
      const key = textOf(args[at]);
      const used = store.zscore(recency, key);
      if (used !== null && used <= numberOf(args[at + 1])) forget(key);
    }
    const expired = store.zrange(expiry, { by: 'score', min: -Infinity, max: now ?? 0, limit: limit ?? 0 });
    for (const { member } of expired) forget(member);
    const isComplete = store.zscore(recency, COMPLETE_MARK) !== null;
    const isBuilding = store.zscore(recency, BUILDING_MARK) !== null;
    const count = store.zcard(recency) - (isComplete ? 1 : 0) - (isBuilding ? 1 : 0);
    const dead = store.zrange(expiry, { by: 'score', min: -Infinity, max: now ?? 0 }).length;
    const excess = bound === 0 ? 0 : Math.max(0, Math.min(count - (bound ?? 0), limit ?? 0));
    const oldest = excess === 0 ? [] : store.zrange(recency, { by: 'index', start: 0, stop: excess - 1 });
    return [
      count,
      count - dead,
      isComplete ? 1 : 0,
      expired.length,
      ...oldest.flatMap(({ member, score }) => [Buffer.from(member), Buffer.from(String(score))]),
    ];
  },
});
