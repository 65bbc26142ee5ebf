import { setTimeout as sleep } from 'node:timers/promises';
import type { Keys, RedisEngine } from '@holdfast/redis-core';

export interface WalkOptions {
  readonly engine: RedisEngine;
  readonly keys: Keys;
  /** Ends the walk between two pages. */
  readonly signal: AbortSignal;
  /** Waits between two pages. Default: a timer that keeps no process alive. */
  readonly pause?: ((ms: number) => Promise<unknown>) | undefined;
  /** Called now and then, for whoever holds a claim for as long as the walk takes. */
  readonly onProgress?: () => Promise<void>;
}

/** Keys a page looks at: less than a millisecond of Redis. */
export const WALK_PAGE = 500;
/** A walk takes one part of Redis' attention in so many, as long as it gets to its end in `WALK_MS` so; else more, at most half. */
const SHARE = 10;
/** In about so long a walk has seen every key, up to some ten million of them. */
const WALK_MS = 45_000;
const MAX_PAUSE_MS = 100;

/** How long to wait after a page that took `pageMs`, in a walk that has gone on for `spentMs` and has so many pages to go. */
export function pauseAfter(pageMs: number, spentMs: number, pagesLeft: number): number {
  const gentle = pageMs * (SHARE - 1);
  const affordable = (WALK_MS - spentMs) / Math.max(1, pagesLeft) - pageMs;
  return Math.min(MAX_PAUSE_MS, gentle, Math.max(pageMs, affordable));
}

/**
 * Looks at every key of the cache, slowly: in pages with pauses. `visit` gets the complete keys of a page by namespace, and is
 * waited for. A key that is written or removed during the walk may be seen or not. Replies whether the walk got to its end.
 */
export async function walkKeys(
  options: WalkOptions,
  visit: (page: ReadonlyMap<string, readonly string[]>) => Promise<void>,
): Promise<boolean> {
  const { engine, keys, signal } = options;
  const { pause = (ms) => sleep(ms, undefined, { ref: false, signal }).catch(() => {}) } = options;
  const pages = Math.ceil((await engine.dbsize().catch(() => 0)) / WALK_PAGE);
  const startedAt = performance.now();
  let cursor: string | undefined;
  for (let page = 1; ; page += 1) {
    const pageAt = performance.now();
    const reply = await engine.scan({
      prefix: keys.cacheRoot(),
      type: 'string',
      count: WALK_PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const known = reply.keys.flatMap((key): { readonly namespace: string; readonly key: string }[] => {
      const namespace = keys.cacheNamespaceOf(key);
      return namespace === undefined ? [] : [{ namespace, key }];
    });
    const grouped = Map.groupBy(known, ({ namespace }) => namespace);
    await visit(new Map(Array.from(grouped, ([namespace, found]) => [namespace, found.map(({ key }) => key)])));
    if (reply.cursor === null) return true;
    ({ cursor } = reply);
    const now = performance.now();
    await pause(pauseAfter(now - pageAt, now - startedAt, pages - page));
    if (signal.aborted) return false;
    await options.onProgress?.();
  }
}
