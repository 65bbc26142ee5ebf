import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { cut, peek } from './twin-entries.ts';

/** Per entry: 1 removed, 0 there is none, or when it was written and for how many milliseconds it stays (-1: for ever). */
export type EvictReply = readonly (0 | 1 | readonly [number, number])[];

/** `lua/cache-evict.lua`. Retried when its reply was lost, as what was written since stays: "removed" may then read "there is none". */
export const cacheEvict: Script<EvictReply> = defineScript({
  name: 'cache-evict',
  lua: loadLua('cache-evict', import.meta.url),
  idempotent: true,
  twin: (store, keys, args) =>
    keys.map((key, index) => {
      const value = peek(store, key);
      if (value === null || value === 'foreign' || cut(value, 0, 3) !== 'HF1') return 0;
      const created = Number.parseInt(cut(value, 44, 53), 36) || 0;
      if (created > Number(args[index]?.toString())) return [created, store.pttl(key) ?? -1];
      store.del(key);
      return 1;
    }),
});
