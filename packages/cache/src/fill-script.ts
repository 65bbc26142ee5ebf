import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { FROM, TwinTags } from './tags-state.ts';
import { cut, EMPTY, heldBy, NO_LEASE, overwrite, put, splice, texts, UNSTAMPED } from './twin-entries.ts';

/** Per entry: 1 stored, 0 the lease is gone, 2 a tag was invalidated meanwhile, or the text of an error. */
export type FillReply = readonly (0 | 1 | 2 | Buffer)[];

/** `lua/cache-fill.lua`. Not retried: a second try would find its lease gone and report the value as refused. */
export const cacheFill: Script<FillReply> = defineScript({
  name: 'cache-fill',
  lua: loadLua('cache-fill', import.meta.url, ['tags-state']),
  idempotent: false,
  twin: (store, keys, args) => {
    const [newEpoch = ''] = texts(args);
    const noted = new TwinTags(store, keys[0] ?? '');
    const state = newEpoch === '' ? undefined : noted.begun(newEpoch);
    let at = 1;
    return keys.slice(state === undefined ? 0 : 1).map((key) => {
      const [token = '', ttl] = texts(args.slice(at));
      let value = args[at + 2] ?? EMPTY;
      const tagCount = Number(args[at + 3]?.toString());
      const tags = texts(args.slice(at + 4, at + 4 + tagCount));
      at += 4 + tagCount;
      const held = heldBy(store, key, token);
      if (held === undefined) return 0;
      let isDead = false;
      if (tags.length > 0 && state !== undefined) {
        let seen = 0;
        if (cut(value, 71, 79) === UNSTAMPED) {
          isDead = state.seq > 0;
          value = splice(value, 71, `${state.epoch}00000000`);
        } else {
          seen = Number.parseInt(cut(value, 79, 87), 36);
          isDead = cut(value, 71, 79) !== state.epoch || seen < noted.score(FROM);
        }
        isDead ||= tags.some((tag) => noted.score(`d:${tag}`) > seen || noted.score(`e:${tag}`) > seen);
        noted.outlive(Number(ttl));
      }
      if (!isDead) return put(store, key, value, Number(ttl)) ?? 1;
      if (held.kind === 'marker') store.del(key);
      else overwrite(store, key, held.value, 27, NO_LEASE);
      return 2;
    });
  },
});
