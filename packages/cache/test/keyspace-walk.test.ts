import { expect, test } from 'vitest';
import { pauseAfter, WALK_PAGE } from '../src/keyspace-walk.ts';

/** How long a walk over so many keys takes, and how much of that Redis works for it, where a page takes so long. */
function walk(keys: number, pageMs: number): { readonly tookMs: number; readonly share: number } {
  const pages = Math.ceil(keys / WALK_PAGE);
  let spentMs = 0;
  for (let page = 1; page <= pages; page += 1) {
    spentMs += pageMs;
    spentMs += pauseAfter(pageMs, spentMs, pages - page);
  }
  return { tookMs: spentMs, share: (pages * pageMs) / spentMs };
}

test.each([
  // Gentle, where there is time for it.
  { keys: 10_000, pageMs: 1, tookMs: 200, share: 0.1 },
  { keys: 1_000_000, pageMs: 1, tookMs: 20_000, share: 0.1 },
  // In time, where it is not.
  { keys: 1_000_000, pageMs: 5, tookMs: 45_000, share: 0.23 },
  { keys: 10_000_000, pageMs: 1, tookMs: 45_000, share: 0.45 },
  // Never more than half of Redis.
  { keys: 100_000_000, pageMs: 0.5, tookMs: 200_000, share: 0.5 },
])('a walk over $keys keys takes $tookMs ms where a page takes $pageMs ms', ({ keys, pageMs, tookMs, share }) => {
  const result = walk(keys, pageMs);
  expect(result.tookMs / tookMs).toBeCloseTo(1, 1);
  expect(result.share).toBeCloseTo(share, 1);
});
