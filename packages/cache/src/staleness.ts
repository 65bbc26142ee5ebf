import type { Entry } from './entry.ts';
import type { TagVerdict } from './tags-noted.ts';

/**
 * What an entry is worth at a moment:
 * - `fresh`: served
 * - `stale`: served by reads, refreshed by whoever has a loader
 * - `expired`: past its time to live, or invalidated with `mode: 'expire'`; only for a loader that fails (grace)
 * - `dead`: invalidated with `mode: 'delete'`; served to nobody
 */
export type Freshness = 'fresh' | 'stale' | 'expired' | 'dead';

/** `tags`: what those of the entry went through since it was written. */
export function freshnessOf(entry: Entry, tags: TagVerdict, now: number): Freshness {
  if (tags === 'invalid') return 'dead';
  if (tags === 'expired' || (entry.expiresAt !== null && now >= entry.expiresAt)) return 'expired';
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
