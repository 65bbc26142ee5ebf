import { type Bytes, UnavailableError } from '@holdfast/redis-core';
import { releaseBody } from './body-memory.ts';
import type { CacheCore } from './cache-core.ts';
import { cacheCreate } from './create-script.ts';
import { encodeEntry } from './entry.ts';
import type { GetOrSet } from './get-or-set.ts';
import type { WriteItem, WriteOutcome } from './options.ts';
import { randomToken } from './token.ts';
import { servedByHead } from './presence.ts';

/** How often an entry is met that is not served any more, each time another one, by whoever creates one in its place. */
const MAX_MEETINGS = 5;

/**
 * Writes an entry only where a reader would be given none: what is expired, invalid, no entry at all, being loaded, or "there is
 * nothing" gives way. One command; where an entry is found whose tags have to be asked for, or that gives way, one or two more.
 * While Redis is away nobody can know what is there: it fails.
 */
export async function create(
  core: CacheCore,
  loads: GetOrSet,
  key: string,
  item: Omit<WriteItem, 'key'>,
): Promise<WriteOutcome> {
  const complete = core.complete(key);
  const { entry, keepMs } = core.sealing.seal(item);
  if (core.isOff) return 'off';
  if (core.isOnFallbackFor(complete))
    throw new UnavailableError('Redis is away, and only it knows whether the key is free.');
  const forget = (): void => {
    core.l1.forget(complete);
    loads.detach(complete);
  };
  const isTagged = entry.tags.length > 0;
  const isApart = core.engine.slotOf !== undefined;
  if (isTagged) core.leasing.noteTags();
  const value = isTagged && isApart ? encodeEntry(entry, await core.stampNow(keepMs)) : core.sealing.encode(entry);
  const keys = isTagged && !isApart ? [core.tagsKey, complete] : [complete];
  const epoch = isTagged && !isApart ? randomToken() : '';
  forget();
  // Also when it fails: its outcome may be unknown.
  const stored = await replaceUnserved(core, keys, [epoch, String(keepMs ?? 0), value]).finally(forget);
  // Redis has answered. The memory engine holds what it was given, so there it stays.
  if (core.engine.kind !== 'memory') releaseBody(entry.body);
  core.count('set', 'stored', stored ? 1 : 0);
  if (stored) core.stored(key, keepMs);
  return stored ? 'created' : 'exists';
}

/** Whether it was stored. */
async function replaceUnserved(
  core: CacheCore,
  keys: readonly string[],
  [epoch, ttl, value]: readonly [string, string, Bytes],
): Promise<boolean> {
  for (let rev = '', met = 0; met < MAX_MEETINGS; met += 1) {
    const head = await core.run(cacheCreate, keys, [epoch, rev, ttl, value]);
    if (head.length === 0) return true;
    const found = await servedByHead(core, head);
    if (found.isServed) return false;
    ({ rev } = found);
  }
  // Others write it all the time.
  return false;
}
