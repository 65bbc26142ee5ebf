/** What INFO tells of the memory of a Redis. It does so too where CONFIG is refused, as managed services do. */
export interface RedisMemory {
  /** `noeviction`, `allkeys-lru`, …; of a cluster each that its masters have, separated by commas. `null`: not told. */
  readonly policy: string | null;
  /** Bytes; `null` for no limit. */
  readonly max: number | null;
  /** The same for all connections to one server; `undefined` where it is not told. */
  readonly runId: string | undefined;
}

export interface EvictionWarnings {
  readonly cache: readonly string[];
  readonly durable: readonly string[];
}

/**
 * What is wrong with the eviction policies. A server that is both may lose entries and must not lose jobs, so there only the
 * second counts. `undefined`: not known.
 */
export function evictionWarnings(
  cache: RedisMemory | undefined,
  durable: RedisMemory | undefined,
  isOneServer: boolean,
): EvictionWarnings {
  return {
    cache: cache === undefined || isOneServer ? [] : cacheWarnings(cache),
    durable: durable === undefined ? [] : durableWarnings(durable),
  };
}

function durableWarnings({ policy, max }: RedisMemory): string[] {
  const evicting = (policy ?? 'noeviction').split(',').filter((name) => name !== 'noeviction');
  if (evicting.length === 0) return [];
  const when = max === null ? 'as soon as it has a memory limit and reaches it' : 'when its memory is full';
  return [
    `maxmemory-policy is ${evicting.join(', ')}: ${when}, it evicts what must not be lost, such as jobs; set noeviction`,
  ];
}

function cacheWarnings({ policy, max }: RedisMemory): string[] {
  if (max === null || policy === null || !policy.split(',').includes('noeviction')) return [];
  return ['maxmemory-policy is noeviction: when its memory is full, the cache can store nothing more; set allkeys-lru'];
}
