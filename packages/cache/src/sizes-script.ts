import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { peek } from './twin-entries.ts';

/** Bytes under each key; 0 where there is nothing, or what is no text. */
export type SizesReply = readonly number[];

/** `lua/cache-sizes.lua`. */
export const cacheSizes: Script<SizesReply> = defineScript({
  name: 'cache-sizes',
  lua: loadLua('cache-sizes', import.meta.url),
  idempotent: true,
  twin: (store, keys) =>
    keys.map((key) => {
      const value = peek(store, key);
      return value === null || value === 'foreign' ? 0 : value.length;
    }),
});
