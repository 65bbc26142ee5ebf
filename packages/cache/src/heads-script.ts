import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { offsets } from './entry.ts';
import { cut, peek } from './twin-entries.ts';

/** Per entry: what stands before its body, or nothing for what is no entry. */
export type HeadsReply = readonly Buffer[];

const MAX_BYTES = 262_144;
const none = Buffer.alloc(0);

/** `lua/cache-heads.lua`. */
export const cacheHeads: Script<HeadsReply> = defineScript({
  name: 'cache-heads',
  lua: loadLua('cache-heads', import.meta.url),
  idempotent: true,
  twin: (store, keys) =>
    keys.map((key) => {
      const value = peek(store, key);
      if (value === null || value === 'foreign' || cut(value, 0, 3) !== 'HF1') return none;
      const end = value.indexOf('\n', offsets.contentType);
      return end === -1 || end >= MAX_BYTES ? none : value.subarray(0, end + 1);
    }),
});
