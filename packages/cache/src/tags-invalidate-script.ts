import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { EPOCH, TwinTags } from './tags-state.ts';
import { texts } from './twin-entries.ts';

/** The tags' epoch and seq from now on, and how many members their state has. */
export type TagsInvalidateReply = readonly [Buffer, number, number];

/**
 * `lua/cache-tags-invalidate.lua`. Retried when its reply was lost: what was written with these tags in the meantime is then loaded
 * once more, and nothing that is older comes back.
 */
export const cacheTagsInvalidate: Script<TagsInvalidateReply> = defineScript({
  name: 'cache-tags-invalidate',
  lua: loadLua('cache-tags-invalidate', import.meta.url, ['tags-state']),
  idempotent: true,
  twin: (store, [key = ''], args) => {
    const [newEpoch = '', time, prefix = '', ...names] = texts(args);
    const tags = new TwinTags(store, key);
    const now = Number(time);
    const { epoch, seq: before } = tags.begun(newEpoch);
    const seq = Math.max(before + 1, now);
    tags.add(EPOCH + epoch, seq);
    for (const name of names) tags.add(prefix + name, seq);
    tags.trim(now, 2 * names.length + 16);
    return [Buffer.from(epoch), seq, store.zcard(key)];
  },
});
