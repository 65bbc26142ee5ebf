import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { base36, heldBy, overwrite, texts } from './twin-entries.ts';

/** `lua/cache-release.lua`. */
export const cacheRelease: Script<number> = defineScript({
  name: 'cache-release',
  lua: loadLua('cache-release', import.meta.url, ['base36', 'time-of']),
  idempotent: true,
  twin: (store, [key = ''], args) => {
    const [token = '', message = '', stayText, time = ''] = texts(args);
    const now = time === '' ? store.now() : Number(time);
    const stay = Number(stayText);
    const held = heldBy(store, key, token);
    if (held === undefined) return 0;
    if (held.kind === 'entry') overwrite(store, key, held.value, 27, `--------${base36(now + stay, 9)}`);
    else if (message !== '' && stay > 0) store.set(key, `HFE${token}${message}`, stay);
    else store.del(key);
    return 1;
  },
});
