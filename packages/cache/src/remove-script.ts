import { defineScript, loadLua, type Script } from '@holdfast/redis-core';

/** `lua/cache-remove.lua`. Not retried: a second try might remove what somebody else has written since. */
export const cacheRemove: Script<number> = defineScript({
  name: 'cache-remove',
  lua: loadLua('cache-remove', import.meta.url),
  idempotent: false,
  twin: (store, keys) => keys.filter((key) => store.del(key)).length,
});
