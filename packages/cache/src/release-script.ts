import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { holdsLease, put, texts } from './twin-entries.ts';

/** `lua/cache-release.lua`. */
export const cacheRelease: Script<number> = defineScript({
  name: 'cache-release',
  lua: loadLua('cache-release', import.meta.url),
  idempotent: true,
  twin: (store, [key = ''], args) => {
    const [token = '', left = '', stay] = texts(args);
    if (!holdsLease(store, key, token)) return 0;
    if (left === '' || put(store, key, Buffer.from(left), Number(stay)) !== undefined) store.del(key);
    return 1;
  },
});
