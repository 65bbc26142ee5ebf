import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { entryHead } from './heads-script.ts';
import { TwinTags } from './tags-state.ts';
import { base36, cut, EMPTY, splice, texts } from './twin-entries.ts';

/** `lua/cache-create.lua`. Not retried: a second try would meet what the first has written. */
export const cacheCreate: Script<Buffer> = defineScript({
  name: 'cache-create',
  lua: loadLua('cache-create', import.meta.url, ['base36', 'entry-head', 'tags-state']),
  idempotent: false,
  twin: (store, keys, args) => {
    const [newEpoch = '', rev, ttl] = texts(args.slice(0, 3));
    const key = keys.at(-1) ?? '';
    const found = entryHead(store, key);
    if (found.length > 1 && cut(found, 19, 27) !== rev) return found;
    let value = args[3] ?? EMPTY;
    if (newEpoch !== '') {
      const tags = new TwinTags(store, keys[0] ?? '');
      const { epoch, seq } = tags.begun(newEpoch);
      value = splice(value, 71, epoch + base36(seq, 8));
      tags.outlive(Number(ttl));
    }
    store.set(key, value, ttl === '0' ? undefined : Number(ttl));
    return EMPTY;
  },
});
