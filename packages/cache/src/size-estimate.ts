import type { Keys, RedisEngine } from '@holdfast/redis-core';

const SAMPLE_PAGES = 5;
const SAMPLE_PAGE = 1000;

/**
 * About how many entries each namespace has, from some thousand keys: Redis hands them out in the order of their hashes, which
 * has nothing to do with what they are. 6 commands at most. A namespace that has a small part of all keys may be missing; a
 * Redis with fewer keys is counted whole.
 */
export async function estimateSizes(engine: RedisEngine, keys: Keys): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  let looked = 0;
  let cursor: string | null | undefined;
  for (let page = 0; page < SAMPLE_PAGES && cursor !== null; page += 1) {
    // All keys, whatever they are: what share of them belongs to a namespace is the question.
    const reply = await engine.scan({ prefix: '', count: SAMPLE_PAGE, ...(cursor === undefined ? {} : { cursor }) });
    looked += reply.keys.length;
    for (const key of reply.keys) {
      const namespace = keys.cacheNamespaceOf(key);
      if (namespace !== undefined) seen.set(namespace, (seen.get(namespace) ?? 0) + 1);
    }
    ({ cursor } = reply);
  }
  if (cursor === null || looked === 0) return seen;
  const scale = Math.max(1, (await engine.dbsize()) / looked);
  return new Map(Array.from(seen, ([namespace, count]) => [namespace, Math.round(count * scale)]));
}
