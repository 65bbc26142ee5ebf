import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { numberOf, textOf, zaddGreater } from './access-scripts.ts';

/** Keys a call, of each kind: what keeps one call well below 5 ms. */
export const MAX_KEYS_PER_UPDATE = 100;

/** Count of entries, count of expired ones, then pairs of key and time for those that are too many. */
export type RecencyReply = readonly (number | Buffer)[];

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
    const count = store.zcard(recency);
    const excess = bound === 0 ? 0 : Math.max(0, Math.min(count - (bound ?? 0), limit ?? 0));
    const oldest = excess === 0 ? [] : store.zrange(recency, { by: 'index', start: 0, stop: excess - 1 });
    return [
      count,
      expired.length,
      ...oldest.flatMap(({ member, score }) => [Buffer.from(member), Buffer.from(String(score))]),
    ];
  },
});
