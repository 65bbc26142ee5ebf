import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { holdsLease, texts } from './twin-entries.ts';

/** `lua/cache-renew-many.lua`. */
export const cacheRenewMany: Script<number> = defineScript({
  name: 'cache-renew-many',
  lua: loadLua('cache-renew-many', import.meta.url),
  idempotent: true,
  twin: (store, keys, args) => {
    const [lease, ...tokens] = texts(args);
    const held = keys.filter((key, index) => holdsLease(store, key, tokens[index] ?? ''));
    for (const key of held) store.pexpire(key, Number(lease));
    return held.length;
  },
});
