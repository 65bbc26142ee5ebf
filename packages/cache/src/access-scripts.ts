import { defineScript, loadLua, type Script, type TwinStore } from '@holdfast/redis-core';

/** Keys a call at most: what keeps one call below 5 ms while the sets have some ten thousand members. */
export const MAX_KEYS_PER_FLUSH = 1000;
/** With a recency set, which may have millions of members: there a key takes several times as long. */
export const MAX_KEYS_PER_RECENCY_FLUSH = 150;

/** `lua/access-flush.lua`. Adds, so a call whose reply was lost is not sent again. */
export const accessFlush: Script<number> = defineScript({
  name: 'access-flush',
  lua: loadLua('access-flush', import.meta.url),
  idempotent: false,
  twin: (store, [hits = '', last = '', recency], [limit, ttlMs, ...items]) => {
    for (let index = 0; index < items.length; index += 3) {
      const member = textOf(items[index]);
      store.zadd(hits, member, (store.zscore(hits, member) ?? 0) + numberOf(items[index + 1]));
      const at = numberOf(items[index + 2]);
      zaddGreater(store, last, member, at);
      if (recency !== undefined && store.zscore(recency, member) !== null) zaddGreater(store, recency, member, at);
    }
    const excess = Math.max(0, Math.min(store.zcard(hits) - numberOf(limit), MAX_KEYS_PER_FLUSH));
    if (excess > 0) {
      for (const { member } of store.zrange(hits, { by: 'index', start: 0, stop: excess - 1 })) {
        store.zrem(last, member);
        store.zrem(hits, member);
      }
    }
    store.pexpire(hits, numberOf(ttlMs));
    store.pexpire(last, numberOf(ttlMs));
    return excess;
  },
});

/** `lua/access-top.lua`: name, reads, time of the last read; and so on. */
export const accessTop: Script<readonly Buffer[]> = defineScript({
  name: 'access-top',
  lua: loadLua('access-top', import.meta.url),
  idempotent: true,
  twin: (store, [hits = '', last = ''], [limit]) =>
    store
      .zrange(hits, { by: 'index', start: 0, stop: numberOf(limit) - 1, reverse: true })
      .flatMap(({ member, score }) =>
        [member, String(score), String(store.zscore(last, member) ?? 0)].map((text) => Buffer.from(text)),
      ),
});

/** `ZADD … GT`. */
export function zaddGreater(store: TwinStore, key: string, member: string, score: number): void {
  if (score > (store.zscore(key, member) ?? -Infinity)) store.zadd(key, member, score);
}

export function textOf(argument: Buffer | undefined): string {
  return argument?.toString() ?? '';
}

export function numberOf(argument: Buffer | undefined): number {
  return Number(textOf(argument));
}
