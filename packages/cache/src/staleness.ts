import type { Entry } from './entry.ts';
import type { TagState } from './tag-state.ts';

/**
 * What an entry is worth at a moment:
 * - `fresh`: served
 * - `stale`: served by reads, refreshed by whoever has a loader
 * - `expired`: past its time to live, or invalidated with `mode: 'expire'`; only for a loader that fails (grace)
 * - `dead`: invalidated with `mode: 'delete'`; served to nobody
 */
export type Freshness = 'fresh' | 'stale' | 'expired' | 'dead';

/** `tags` is the state of the namespace's tags; needed for an entry that has a stamp, `null` where it could not be had. */
export function freshnessOf(entry: Entry, tags: TagState | null, now: number): Freshness {
  let invalidated: 'no' | 'expired' = 'no';
  if (entry.stamp !== null) {
    // What its tags went through is not known (the hash was evicted, or began anew): stale rather than revived.
    if (tags === null || tags.epoch !== entry.stamp.epoch) return 'dead';
    for (const tag of entry.tags) {
      if ((tags.deleted.get(tag) ?? 0) > entry.stamp.seq) return 'dead';
      if ((tags.expired.get(tag) ?? 0) > entry.stamp.seq) invalidated = 'expired';
    }
  }
  if (invalidated === 'expired' || (entry.expiresAt !== null && now >= entry.expiresAt)) return 'expired';
  return entry.softExpiresAt !== null && now >= entry.softExpiresAt ? 'stale' : 'fresh';
}

/** When a fresh entry is due to be refreshed before it expires, as a share of its life. */
export function isDueEarly(entry: Entry, share: number, now: number): boolean {
  const end = entry.softExpiresAt ?? entry.expiresAt;
  return end !== null && now >= entry.createdAt + (end - entry.createdAt) * share;
}

/** Spreads times to live, so that what was written together does not expire together: up to `jitter` (0 to 1) shorter. */
export function jittered(ttlMs: number | null, jitter: number, random: () => number = Math.random): number | null {
  return ttlMs === null || jitter === 0 ? ttlMs : Math.max(1, Math.round(ttlMs * (1 - jitter * random())));
}
