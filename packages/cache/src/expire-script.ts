import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { base36, cut, NO_LEASE, overwrite, peek, splice, texts } from './twin-entries.ts';

export type ExpireReply = number;

/** `lua/cache-expire.lua`. Not retried: a second try might expire what somebody else has written since. */
export const cacheExpire: Script<ExpireReply> = defineScript({
  name: 'cache-expire',
  lua: loadLua('cache-expire', import.meta.url),
  idempotent: false,
  twin: (store, keys, args) => {
    const [rev = ''] = texts(args);
    const longAgo = base36(1, 9);
    let expired = 0;
    for (const key of keys) {
      const value = peek(store, key);
      if (value === null || value === 'foreign') continue;
      if (cut(value, 0, 3) === 'HFL') store.del(key);
      if (cut(value, 0, 3) !== 'HF1') continue;
      overwrite(store, key, splice(value, 19, rev + NO_LEASE), 53, longAgo + longAgo);
      expired += 1;
    }
    return expired;
  },
});
