import { defineScript, loadLua, type Script } from '@holdfast/redis-core';

/** `lua/cache-remove.lua`. */
export const cacheRemove: Script<number> = defineScript({
  name: 'cache-remove',
  lua: loadLua('cache-remove', import.meta.url),
  idempotent: true,
  twin: (store, keys) => keys.filter((key) => store.del(key)).length,
});
