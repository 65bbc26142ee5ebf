import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { stampOf, type StampReply } from './tags-stamp-script.ts';
import { cut, keepFor, peek, texts } from './twin-entries.ts';

/**
 * `[1]` yours, `[2, token, left]` somebody's for so many milliseconds, `[4, left]` a loader failed and is left alone for so
 * many, `[0]` the entry is not that one any more.
 */
export type RefreshResult = readonly [1] | readonly [2, Buffer, number] | readonly [4, number] | readonly [0];
export type RefreshReply = readonly [StampReply | null, RefreshResult];

/** `lua/cache-refresh.lua`. Not retried: a second try would meet its own lease and take it for somebody else's. */
export const cacheRefresh: Script<RefreshReply> = defineScript({
  name: 'cache-refresh',
  lua: loadLua('cache-refresh', import.meta.url, ['tags-state']),
  idempotent: false,
  twin: (store, keys, args) => {
    const [asked = '0', token = '', leaseText, rev = '', heedsThrottle] = texts(args);
    const stamp = asked === '0' ? null : stampOf(store, keys[0] ?? '', asked);
    const [leaseKey = '', key = ''] = keys.slice(asked === '0' ? 0 : 1);
    const value = peek(store, key);
    const isSame = Buffer.isBuffer(value) && cut(value, 0, 3) === 'HF1' && cut(value, 19, 27) === rev;
    if (!isSame) return [stamp, [0]];
    const held = peek(store, leaseKey);
    if (Buffer.isBuffer(held) && cut(held, 11, 19) === rev) {
      const left = store.pttl(leaseKey) ?? -1;
      if (cut(held, 0, 3) === 'HFL') return [stamp, [2, held.subarray(3, 11), left]];
      if (cut(held, 0, 3) === 'HFT' && heedsThrottle === '1') return [stamp, [4, left]];
    }
    store.set(leaseKey, `HFL${token}${rev}`, Number(leaseText));
    keepFor(store, key, Number(leaseText));
    return [stamp, [1]];
  },
});
