import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { stampOf, type StampReply } from './tags-stamp-script.ts';
import { cut, isMarker, peek, texts } from './twin-entries.ts';

/** Per entry: `[1]` yours, `[2, token]` somebody's, `[0]` there is an entry now, `[3]` foreign. */
export type LeaseResult = readonly [1] | readonly [2, Buffer] | readonly [0] | readonly [3];
export type LeaseReply = readonly [StampReply | null, ...LeaseResult[]];

/** `lua/cache-lease.lua`. Not retried: a second try would meet its own lease and take it for somebody else's. */
export const cacheLease: Script<LeaseReply> = defineScript({
  name: 'cache-lease',
  lua: loadLua('cache-lease', import.meta.url, ['tags-state']),
  idempotent: false,
  twin: (store, keys, args) => {
    const asked = String(args[0]);
    const withTags = asked !== '0';
    const entries = keys.slice(withTags ? 1 : 0).map((key, index): LeaseResult => {
      const [token = '', lease] = texts(args.slice(1 + index * 2, 3 + index * 2));
      const value = peek(store, key);
      if (value === 'foreign') return [3];
      if (value !== null && cut(value, 0, 3) === 'HFL') return [2, value.subarray(3, 11)];
      if (value !== null && cut(value, 0, 3) === 'HF1') return [0];
      if (value !== null && !isMarker(value)) return [3];
      store.set(key, `HFL${token}`, Number(lease));
      return [1];
    });
    return [withTags ? stampOf(store, keys[0] ?? '', asked) : null, ...entries] as LeaseReply;
  },
});
