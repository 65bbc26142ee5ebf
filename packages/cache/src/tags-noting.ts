import { HoldfastError } from '@holdfast/redis-core';
import type { CacheCore } from './cache-core.ts';
import type { InvalidateMode } from './options.ts';
import { BITS_A_BUCKET, NOTES_A_BUCKET } from './tags-buckets.ts';
import { cacheTagsInvalidate } from './tags-invalidate-script.ts';
import { cacheTagsRetire } from './tags-retire-script.ts';
import { randomToken } from './token.ts';

/** How many notes of tags the state of a namespace holds one by one: about 10 MB of Redis. */
const MAX_NOTES = 100_000;
/** Notes that one command moves into a bucket: about a millisecond of Redis. */
const NOTES_A_COMMAND = 250;

/** Notes that tags were invalidated now: one command, and one more for each 250 notes that are too many. */
export async function noteTags(core: CacheCore, tags: readonly string[], mode: InvalidateMode): Promise<void> {
  const { engine, tagsKey } = core;
  const now = Math.trunc(core.now());
  const [, , members] = await engine.run(
    cacheTagsInvalidate,
    [tagsKey],
    [randomToken(), String(now), mode === 'delete' ? 'd:' : 'e:', ...tags],
  );
  const bounds = [MAX_NOTES, NOTES_A_COMMAND, NOTES_A_BUCKET, BITS_A_BUCKET].map(String);
  try {
    for (let left = members; left >= MAX_NOTES + NOTES_A_COMMAND;) {
      const before = left;
      left = await engine.run(cacheTagsRetire, core.tagKeys, [String(now), ...bounds]);
      // Others make room as well.
      if (left >= before) return;
    }
  } catch (error) {
    // The tags are invalidated; whoever invalidates next makes room.
    if (!(error instanceof HoldfastError)) throw error;
  }
}
