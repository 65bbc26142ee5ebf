import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { base36, cut, keepFor, overwrite, peek, texts } from './twin-entries.ts';
import { TwinTags } from './tags-state.ts';
import type { StampReply } from './tags-stamp-script.ts';

/** Per entry: `[1]` yours, `[4]` yours over the entry that is still there, `[2, token]` somebody's, `[0, value]` there is an entry now, `[3]` foreign. */
export type LeaseResult = readonly [1] | readonly [4] | readonly [2, Buffer] | readonly [0, Buffer] | readonly [3];
export type LeaseReply = readonly [StampReply | null, ...LeaseResult[]];

/** `lua/cache-lease.lua`. Not retried: a second try would meet its own lease and take it for somebody else's. */
export const cacheLease: Script<LeaseReply> = defineScript({
  name: 'cache-lease',
  lua: loadLua('cache-lease', import.meta.url, ['base36', 'time-of', 'tags-state']),
  idempotent: false,
  twin: (store, keys, args) => {
    const [withTags, time = ''] = texts(args);
    const now = time === '' ? store.now() : Number(time);
    let stamp: LeaseReply[0] = null;
    if (withTags === '1') {
      const state = new TwinTags(store, keys[0] ?? '').state();
      if (state !== undefined) stamp = [Buffer.from(state.epoch), state.seq];
    }
    const entries = keys.slice(withTags === '1' ? 1 : 0).map((key, index): LeaseReply[number] => {
      const [token = '', leaseText, rev = ''] = texts(args.slice(2 + index * 3));
      const lease = Number(leaseText);
      const value = peek(store, key);
      if (value === 'foreign') return [3];
      if (value === null || cut(value, 0, 3) === 'HFE') {
        store.set(key, `HFL${token}`, lease);
        return [1];
      }
      if (cut(value, 0, 3) === 'HFL') return [2, value.subarray(3, 11)];
      if (cut(value, 0, 3) !== 'HF1') return [3];
      if (rev === '' || cut(value, 19, 27) !== rev) return [0, value];
      if (Number.parseInt(cut(value, 35, 44), 36) > now) return [2, value.subarray(27, 35)];
      overwrite(store, key, value, 27, token + base36(now + lease, 9));
      keepFor(store, key, lease);
      return [4];
    });
    return [stamp, ...entries] as LeaseReply;
  },
});
