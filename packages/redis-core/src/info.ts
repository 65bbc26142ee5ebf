/** What an operator asks of a Redis first. A number that the server does not tell is `null`. */
export interface RedisSummary {
  readonly memory: {
    /** Bytes of the data set and of what Redis needs for it. */
    readonly used: number | null;
    /** The most that `used` ever was since the start. */
    readonly peak: number | null;
    /** Memory of the process over `used`: far above 1 is fragmentation, below 1 is swapping. Says little below 100 MB. */
    readonly fragmentation: number | null;
    /** What `used` may become, in bytes; `null` for no limit. */
    readonly max: number | null;
    /** What happens at `max`: `noeviction`, `allkeys-lru`, … */
    readonly policy: string | null;
  };
  /** The part of all lookups since the start that found a key, from 0 to 1; `null` before the first. */
  readonly hitRate: number | null;
  readonly opsPerSecond: number | null;
  readonly clients: number | null;
  readonly uptimeSeconds: number | null;
  /** Such as `Redis 7.4.1`, `Valkey 8.1.0`. */
  readonly version: string;
}

/** The numbers that matter out of the fields of `INFO`, as `RedisEngine.info` replies them. */
export function summarizeInfo(info: Readonly<Record<string, string>>): RedisSummary {
  const hits = numberOf(info, 'keyspace_hits');
  const misses = numberOf(info, 'keyspace_misses');
  const lookups = hits === null || misses === null ? 0 : hits + misses;
  const max = numberOf(info, 'maxmemory');
  return {
    memory: {
      used: numberOf(info, 'used_memory'),
      peak: numberOf(info, 'used_memory_peak'),
      fragmentation: numberOf(info, 'mem_fragmentation_ratio'),
      max: max === 0 ? null : max,
      policy: info['maxmemory_policy'] ?? null,
    },
    hitRate: lookups === 0 ? null : (hits ?? 0) / lookups,
    opsPerSecond: numberOf(info, 'instantaneous_ops_per_sec'),
    clients: numberOf(info, 'connected_clients'),
    uptimeSeconds: numberOf(info, 'uptime_in_seconds'),
    version: versionOf(info),
  };
}

/** How close a Redis is to its limits. What the server does not tell, or has no limit of, is `null`. */
export interface RedisLoad {
  /** Bytes; of a Cluster those of all masters. */
  readonly memoryUsed: number | null;
  readonly memoryMax: number | null;
  /** `used` as a part of `max`, from 0 to 1; of a Cluster that of its fullest master. */
  readonly memoryFullness: number | null;
  /** What happens at `max`, as in `RedisSummary`. */
  readonly policy: string | null;
  readonly clients: number | null;
  readonly maxClients: number | null;
}

/** The same fields of `INFO`, for somebody who watches. */
export function loadOf(info: Readonly<Record<string, string>>): RedisLoad {
  const { memory, clients } = summarizeInfo(info);
  const { used, max, policy } = memory;
  const fullness = used === null || max === null ? null : used / max;
  return {
    memoryUsed: used,
    memoryMax: max,
    memoryFullness: numberOf(info, fullestMasterField) ?? fullness,
    policy,
    clients,
    maxClients: numberOf(info, 'maxclients'),
  };
}

/** Field of the INFO that is made for a Cluster: how full the fullest of its masters is, from 0 to 1. */
export const fullestMasterField = 'holdfast_fullest_master';

function numberOf(info: Readonly<Record<string, string>>, field: string): number | null {
  const text = info[field];
  const value = text === undefined || text === '' ? Number.NaN : Number(text);
  // `nan` and `inf` are what Redis says of a ratio that it cannot tell yet.
  return Number.isFinite(value) ? value : null;
}

/** Valkey tells the Redis version that it is compatible with, too; forks that tell no name are taken for Redis. */
function versionOf(info: Readonly<Record<string, string>>): string {
  const { valkey_version: valkey, redis_version: redis, redis_mode: mode } = info;
  if (valkey !== undefined) return `Valkey ${valkey}`;
  if (redis !== undefined) return `Redis ${redis}`;
  return mode === 'memory' ? 'memory engine' : 'unknown';
}
