import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { base36, heldBy, keepFor, overwrite, texts } from './twin-entries.ts';

/** `lua/cache-renew.lua`. */
export const cacheRenew: Script<number> = defineScript({
  name: 'cache-renew',
  lua: loadLua('cache-renew', import.meta.url, ['base36', 'time-of']),
  idempotent: true,
  twin: (store, [key = ''], args) => {
    const [token = '', leaseText, time = ''] = texts(args);
    const now = time === '' ? store.now() : Number(time);
    const lease = Number(leaseText);
    const held = heldBy(store, key, token);
    if (held === undefined) return 0;
    if (held.kind === 'marker') {
      store.pexpire(key, lease);
    } else {
      overwrite(store, key, held.value, 35, base36(now + lease, 9));
      keepFor(store, key, lease);
    }
    return 1;
  },
});
