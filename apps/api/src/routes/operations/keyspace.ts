import type { RedisEngine } from '@holdfast/redis-core';

export interface Keyspace {
  /** Keys by area (`cache`, `jobs`, …): what follows the prefix. */
  readonly areas: Readonly<Record<string, number>>;
  /** Whether all keys were looked at; otherwise the numbers are those of the part that was. */
  readonly complete: boolean;
}

export interface KeyspaceLimits {
  readonly maxKeys: number;
  readonly maxMs: number;
}

/** Keys a page looks at: about a millisecond of Redis. */
const PAGE = 1000;

/** Counts the keys under a prefix by their area, as far as the limits allow, with SCAN. */
export async function countKeyspace(
  engine: RedisEngine,
  keyPrefix: string,
  { maxKeys, maxMs }: KeyspaceLimits,
): Promise<Keyspace> {
  const root = `${keyPrefix}:`;
  const areas = new Map<string, number>();
  const startedAt = performance.now();
  let cursor: string | undefined;
  let complete = false;
  for (let seen = 0; seen < maxKeys && performance.now() - startedAt < maxMs;) {
    const page = await engine.scan({ prefix: root, count: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    for (const key of page.keys) {
      const area = areaOf(key, root);
      areas.set(area, (areas.get(area) ?? 0) + 1);
    }
    // Keys of others are looked at too, though they are not replied.
    seen += Math.max(PAGE, page.keys.length);
    complete = page.cursor === null;
    if (page.cursor === null) break;
    ({ cursor } = page);
  }
  return { areas: Object.fromEntries(areas), complete };
}

function areaOf(key: string, root: string): string {
  const end = key.indexOf(':', root.length);
  return key.slice(root.length, end === -1 ? undefined : end);
}
