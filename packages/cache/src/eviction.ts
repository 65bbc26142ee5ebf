import type { BatchOperation, RedisEngine } from '@holdfast/redis-core';
import type { CacheCore } from './cache-core.ts';
import { cacheEvict, type EvictReply } from './evict-script.ts';

/** Nothing was written before it: a time for which nothing is removed. */
const BEFORE_ALL = '-1';

/** An entry that is too many, as the index of a namespace knows it. */
export interface Victim {
  readonly key: string;
  /** When it was read or written last, as far as the index knows. */
  readonly usedAt: number;
}

/** What became of it; an entry that was written since stays. */
export type Eviction = 'removed' | 'missing' | { readonly writtenAt: number; readonly expiresAt: number | null };

/**
 * Removes entries from all tiers, but for those that were written after `usedAt`: between the moment that the index names
 * an entry and this one anybody may have stored it anew. One command; on a cluster one for each entry, all in flight at
 * once.
 */
export async function evict(core: CacheCore, victims: readonly Victim[]): Promise<Eviction[]> {
  const complete = victims.map(({ key }) => core.complete(key));
  const forget = (): void => {
    for (const key of complete) core.l1.forget(key);
  };
  forget();
  const times = victims.map(({ usedAt }) => String(usedAt));
  // Also when it fails: its outcome may be unknown, and what was removed must not be served.
  const replies = await send(core.engine, (keys, args) => core.run(cacheEvict, keys, args), complete, times).finally(
    forget,
  );
  return victims.map((_, index) => {
    const reply = replies[index] ?? 0;
    if (typeof reply === 'number') return reply === 1 ? 'removed' : 'missing';
    const [writtenAt, ttlMs] = reply;
    return { writtenAt, expiresAt: ttlMs === -1 ? null : core.now() + ttlMs };
  });
}

/** What is known of an entry from outside: since when it is there, and until when (`null`: for ever). */
export interface Inspected {
  readonly writtenAt: number;
  readonly expiresAt: number | null;
}

/**
 * Looks at entries (complete keys) without reading their values; `null` where there is none. One command; on a cluster one for
 * each.
 */
export async function inspect(
  engine: RedisEngine,
  complete: readonly string[],
  now: () => number,
): Promise<(Inspected | null)[]> {
  const times = complete.map(() => BEFORE_ALL);
  const replies = await send(engine, (keys, args) => engine.run(cacheEvict, keys, args), complete, times);
  return replies.map((reply) => {
    if (typeof reply === 'number') return null;
    const [writtenAt, ttlMs] = reply;
    return { writtenAt, expiresAt: ttlMs === -1 ? null : now() + ttlMs };
  });
}

async function send(
  engine: RedisEngine,
  run: (keys: readonly string[], times: readonly string[]) => Promise<EvictReply>,
  keys: readonly string[],
  times: readonly string[],
): Promise<EvictReply> {
  if (engine.slotOf === undefined) return run(keys, times);
  const operations = keys.map((key, index): BatchOperation => {
    return { op: 'run', script: cacheEvict, keys: [key], args: [times[index] ?? '0'] };
  });
  return (await engine.batch(operations)).map((result) => {
    if (!result.ok) throw result.error;
    return (result.value as EvictReply)[0] ?? 0;
  });
}
