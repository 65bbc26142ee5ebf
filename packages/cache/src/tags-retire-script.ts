import { defineScript, loadLua, type Script } from '@holdfast/redis-core';
import { addToBucket, bucketMember, emptyBucket, nameBucket, twinBuckets, united } from './tags-buckets.ts';
import { FROM, TwinTags } from './tags-state.ts';
import { texts } from './twin-entries.ts';

interface Kept {
  readonly index: number;
  newest: number;
  count: number;
}

/** `lua/cache-tags-retire.lua`. Replies how many members are left. */
export const cacheTagsRetire: Script<number> = defineScript({
  name: 'cache-tags-retire',
  lua: loadLua('cache-tags-retire', import.meta.url, ['tags-state', 'tags-buckets']),
  idempotent: true,
  twin: (store, keys, args) => {
    const [now = 0, bound = 0, atOnce = 0, capacity = 0, bits = 0] = texts(args).map(Number);
    const tags = new TwinTags(store, keys[0] ?? '');
    const state = tags.state();
    if (state === undefined) return 0;
    const { epoch } = state;
    const count = (): number => store.zcard(tags.key);
    const keyOf = ({ index }: Kept): string => keys[index] ?? '';
    tags.trim(now, atOnce);

    const kept: Kept[] = [];
    const horizon = tags.horizon(now);
    for (const { index, newest, count: notes } of twinBuckets(tags, keys, epoch)) {
      if (notes !== undefined && newest > horizon) kept.push({ index, newest, count: notes });
      else {
        tags.forget(newest);
        tags.remove(bucketMember(index));
        store.del(keys[index] ?? '');
      }
    }

    const excess = Math.min(count() - bound, atOnce);
    const notes = excess > 0 ? tags.oldest(Infinity, excess) : [];
    const newest = notes.at(-1)?.score;
    if (newest === undefined) return count();

    const put = (bucket: Kept, bytes: Buffer): void => {
      nameBucket(bytes, epoch, bucket.count);
      store.set(keyOf(bucket), bytes);
      tags.add(bucketMember(bucket.index), -bucket.newest);
    };
    const unite = (): void => {
      const sums = kept.slice(1).map((bucket, at) => bucket.count + (kept[at]?.count ?? 0));
      const at = sums.indexOf(Math.min(...sums));
      const [older, newer] = kept.slice(at, at + 2);
      if (older === undefined || newer === undefined) return;
      kept.splice(at + 1, 1);
      older.newest = newer.newest;
      older.count += newer.count;
      put(older, united(store, keyOf(older), keyOf(newer)));
      store.del(keyOf(newer));
      tags.remove(bucketMember(newer.index));
    };

    let current = kept.at(-1);
    let bytes: Buffer;
    if (current === undefined || current.count >= capacity) {
      if (kept.length >= keys.length - 1) unite();
      const taken = new Set(kept.map(({ index }) => index));
      const free = keys.findIndex((_, index) => index > 0 && !taken.has(index));
      current = { index: free, newest: 0, count: 0 };
      bytes = emptyBucket(bits);
    } else bytes = Buffer.from(store.get(keyOf(current)) ?? emptyBucket(bits));
    for (const { member } of notes) {
      addToBucket(bytes, member.slice(2), bits);
      tags.remove(member);
    }
    current.count += notes.length;
    current.newest = newest;
    put(current, bytes);
    tags.add(FROM, newest);
    return count();
  },
});
