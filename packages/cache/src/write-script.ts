import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { TwinTags } from './tags-state.ts';
import { base36, cut, EMPTY, isMarker, peek, put, splice, texts, UNSTAMPED } from './twin-entries.ts';

/** Per entry: 0 created, 1 replaced, 2 rewritten with an equal body, or the text of an error. */
export type WriteReply = readonly (0 | 1 | 2 | Buffer)[];

/** `lua/cache-write.lua`. Not retried: a second try might undo what somebody else has written since. */
export const cacheWrite: Script<WriteReply> = defineScript({
  name: 'cache-write',
  lua: loadLua('cache-write', import.meta.url, ['base36', 'tags-state']),
  idempotent: false,
  twin: (store, keys, args) => {
    const [newEpoch = ''] = texts(args);
    const tags = new TwinTags(store, keys[0] ?? '');
    const stamp = newEpoch === '' ? undefined : tags.begun(newEpoch);
    return keys.slice(stamp === undefined ? 0 : 1).map((key, index) => {
      const ttl = Number(args[1 + index * 2]?.toString());
      let value = args[2 + index * 2] ?? EMPTY;
      if (stamp !== undefined && cut(value, 71, 79) === UNSTAMPED) {
        value = splice(value, 71, stamp.epoch + base36(stamp.seq, 8));
        tags.outlive(ttl);
      }
      let outcome: 0 | 1 | 2 = 1;
      const before = peek(store, key);
      if (before === 'foreign') store.del(key);
      else if (before === null || before.length === 0 || isMarker(before)) outcome = 0;
      else if (cut(before, 0, 19) === cut(value, 0, 19)) outcome = 2;
      return put(store, key, value, ttl) ?? outcome;
    });
  },
});
