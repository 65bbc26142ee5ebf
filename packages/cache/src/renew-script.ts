import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { cut, holdsLease, keepFor, peek, texts } from './twin-entries.ts';

/** `lua/cache-renew.lua`. */
export const cacheRenew: Script<number> = defineScript({
  name: 'cache-renew',
  lua: loadLua('cache-renew', import.meta.url),
  idempotent: true,
  twin: (store, [leaseKey = '', key], args) => {
    const [token = '', lease, rev] = texts(args);
    if (!holdsLease(store, leaseKey, token)) return 0;
    store.pexpire(leaseKey, Number(lease));
    const value = key === undefined ? null : peek(store, key);
    if (key !== undefined && Buffer.isBuffer(value) && cut(value, 19, 27) === rev) keepFor(store, key, Number(lease));
    return 1;
  },
});
