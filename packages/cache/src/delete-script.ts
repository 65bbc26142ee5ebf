import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { entryHead, type HeadsReply } from './heads-script.ts';

/** `lua/cache-delete.lua`. Not retried: a second try might remove what somebody has written since. */
export const cacheDelete: Script<HeadsReply> = defineScript({
  name: 'cache-delete',
  lua: loadLua('cache-delete', import.meta.url, ['entry-head']),
  idempotent: false,
  twin: (store, keys) =>
    keys.map((key) => {
      const head = Buffer.from(entryHead(store, key));
      store.del(key);
      return head;
    }),
});
