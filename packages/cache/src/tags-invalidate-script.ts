import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { currentStamp, texts } from './twin-entries.ts';

/** The tags' epoch and seq. */
export type StampReply = readonly [Buffer, number | Buffer];

/** `lua/cache-tags-invalidate.lua`. */
export const cacheTagsInvalidate: Script<StampReply> = defineScript({
  name: 'cache-tags-invalidate',
  lua: loadLua('cache-tags-invalidate', import.meta.url),
  idempotent: true,
  twin: (store, [key = ''], args) => {
    const [newEpoch = '', maxFields, prefix = '', ...tags] = texts(args);
    let { epoch } = currentStamp(store, key, newEpoch);
    const seq = store.hincrby(key, 'seq', 1);
    for (const tag of tags) store.hset(key, prefix + tag, String(seq));
    if (store.hlen(key) > Number(maxFields)) {
      epoch = newEpoch;
      store.del(key);
      store.hset(key, 'epoch', epoch);
      store.hset(key, 'seq', String(seq));
    }
    return [Buffer.from(epoch), seq];
  },
});
