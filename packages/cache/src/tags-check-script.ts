import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { bucketHas, bucketPositions, twinBuckets } from './tags-buckets.ts';
import { FROM, TwinTags } from './tags-state.ts';
import { texts } from './twin-entries.ts';

/** `null` where there is no state of tags, else epoch and seq, and for each entry 0 valid, 1 expired, 2 invalid. */
export type TagsCheckReply = null | readonly [Buffer, number, ...(0 | 1 | 2)[]];

/** `lua/cache-tags-check.lua`. */
export const cacheTagsCheck: Script<TagsCheckReply> = defineScript({
  name: 'cache-tags-check',
  lua: loadLua('cache-tags-check', import.meta.url, ['tags-state', 'tags-buckets']),
  idempotent: true,
  twin: (store, keys, args) => {
    const tags = new TwinTags(store, keys[0] ?? '');
    const state = tags.state();
    if (state === undefined) return null;
    const [bits, ...rest] = texts(args);
    const inBuckets = (seen: number, names: readonly string[]): boolean => {
      const buckets = twinBuckets(tags, keys, state.epoch);
      const lost = buckets.filter(({ count }) => count === undefined).map(({ newest }) => newest);
      if (seen < Math.max(tags.floor, ...lost)) return true;
      return buckets.some(({ index, newest }) => {
        const bucket = newest > seen ? store.get(keys[index] ?? '') : null;
        return bucket !== null && names.some((name) => bucketHas(bucket, bucketPositions(name, Number(bits))));
      });
    };
    const verdicts: (0 | 1 | 2)[] = [];
    for (let at = 0; at < rest.length;) {
      const [stamp = '', count] = rest.slice(at, at + 2);
      const names = rest.slice(at + 2, at + 2 + Number(count));
      at += 2 + names.length;
      const seen = Number.parseInt(stamp.slice(8), 36);
      const isKnown = stamp.startsWith(state.epoch) && !(seen < tags.score(FROM) && inBuckets(seen, names));
      if (!isKnown || names.some((name) => tags.score(`d:${name}`) > seen)) verdicts.push(2);
      else verdicts.push(names.some((name) => tags.score(`e:${name}`) > seen) ? 1 : 0);
    }
    return [Buffer.from(state.epoch), state.seq, ...verdicts];
  },
});
