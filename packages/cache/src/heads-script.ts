import { defineScript, loadLua, type Script, type TwinStore } from '@holdfast/redis-core';
import { offsets } from './entry.ts';
import { cut, EMPTY, isMarker, peek } from './twin-entries.ts';

/** Per entry: what stands before its body, nothing where there is none, or `?` for what is no entry. */
export type HeadsReply = readonly Buffer[];

const MAX_BYTES = 262_144;
const NO_ENTRY = Buffer.from('?');

/** `lua/cache-heads.lua`. */
export const cacheHeads: Script<HeadsReply> = defineScript({
  name: 'cache-heads',
  lua: loadLua('cache-heads', import.meta.url, ['entry-head']),
  idempotent: true,
  twin: (store, keys) => keys.map((key) => entryHead(store, key)),
});

/** `lua/entry-head.lua`, for an engine that has no Lua. */
export function entryHead(store: TwinStore, key: string): Buffer {
  const value = peek(store, key);
  if (value === null || (value !== 'foreign' && (value.length === 0 || isMarker(value)))) return EMPTY;
  const end = value === 'foreign' || cut(value, 0, 3) !== 'HF1' ? -1 : value.indexOf('\n', offsets.contentType);
  return value === 'foreign' || end === -1 || end >= MAX_BYTES ? NO_ENTRY : value.subarray(0, end + 1);
}
