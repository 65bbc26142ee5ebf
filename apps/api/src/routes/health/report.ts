import type { BaseConfig } from '@holdfast/config';
import type { Disk, Health, Redis } from '@holdfast/contract';
import type { HealthReading } from '@holdfast/modules';
import type { FaultKind, RedisEngine } from '@holdfast/redis-core';
import { connectionStates, isLockedOut, type Connections, type Runtime, type WorkReading } from '@holdfast/runtime';
import type { ModulesHealth } from './modules-health.ts';

export interface HealthSources extends ReadinessSources {
  readonly runtime: Pick<Runtime, 'engines' | 'parts' | 'modules' | 'eviction' | 'work' | 'folder'>;
  readonly modules: Pick<ModulesHealth, 'read'>;
  readonly version: string;
  /** Seconds. */
  readonly uptime: () => number;
}

export interface ReadinessSources {
  readonly config: Pick<BaseConfig, 'mode' | 'redis'>;
  readonly runtime: Connections;
}

export type Status = Health['status'];

export type RedisReading = Omit<Redis, 'warnings'>;

/** What the service says besides its modules. */
type OwnReport = Omit<Health, 'queues' | 'outbox' | 'unreadable'>;

/** The `/health` report. It never takes longer than one probe, whatever state Redis is in. */
export async function healthReport(from: HealthSources): Promise<OwnReport & HealthReading['fields']> {
  const { config, runtime } = from;
  const { engines, parts } = runtime;
  const work = await runtime.work.look();
  const [cache, durable] = [readRedis(engines, 'cache', work), readRedis(engines, 'durable', work)];
  const { warnings } = runtime.eviction;
  const ofCache: Redis = { ...cache, warnings: [...warnings.cache] };
  const ofDurable: Redis = { ...durable, warnings: [...warnings.durable] };
  const modules = from.modules.read();
  const disk = readDisk(runtime.folder);
  const isDiskWell = disk === null || disk.status === 'well';
  const healthy = cache.healthy && durable.healthy && work.refusals.length === 0 && modules.isHealthy && isDiskWell;
  const status = judge(healthy, config.redis.enableFallback && !isLockedOut(runtime));
  return {
    status: status === 'ok' && modules.isDegraded === true ? 'degraded' : status,
    version: from.version,
    uptime: from.uptime(),
    available: work.available,
    refusals: [...work.refusals],
    mode: config.mode,
    redis: {
      ...ofCache,
      cacheManager: {
        available: engines.cache.status.available,
        configuration: {
          defaultBackend: engines.cache.kind === 'memory' ? 'memory' : 'redis',
          enableFallback: config.redis.enableFallback,
          cacheCount: parts.cache.caches.names().length,
          redisConnected: engines.cache.kind !== 'memory' && engines.cache.status.available,
        },
      },
    },
    dependencies: { redis: { cache: ofCache, durable: ofDurable } },
    disk,
    ...modules.fields,
  };
}

/**
 * Whether requests should be sent here: with fallback on always, unless a Redis refuses access to this process and never
 * granted it; without fallback only while everything is there.
 */
export function isReady({ config, runtime }: ReadinessSources): boolean {
  if (config.redis.enableFallback) return !isLockedOut(runtime);
  return connectionStates(runtime).every(({ available }) => available);
}

/** `down` only where there is no fallback. */
export function judge(healthy: boolean, enableFallback: boolean): Status {
  if (healthy) return 'ok';
  return enableFallback ? 'degraded' : 'down';
}

/** One of the engines, as `work` has found it just now: a Redis that is there may still refuse, or answer nothing. */
export function readRedis(
  engines: Readonly<Record<'cache' | 'durable', RedisEngine>>,
  name: 'cache' | 'durable',
  work: WorkReading,
): RedisReading {
  const { kind, status } = engines[name];
  const limits = [...(status.limits ?? [])];
  // Nothing is wrong where none is configured, but neither is there a Redis that would be available.
  if (kind === 'memory') {
    const reason = 'no Redis is configured';
    return { available: false, healthy: true, latencyMs: null, breaker: 'closed', reason, limits };
  }
  const { available } = status;
  if (!available) return { available, healthy: false, latencyMs: null, breaker: 'open', ...whyNot(status), limits };
  const refusal = work.refusals.find(({ connection }) => connection === name);
  const latencyMs = work.latencyMs[name];
  return { available, healthy: refusal === undefined, latencyMs, breaker: 'closed', ...whyNot(refusal ?? {}), limits };
}

function readDisk(folder: Runtime['folder']): Disk | null {
  if (folder === undefined) return null;
  const { state, reason } = folder.status;
  const { kind: volume, ...claim } = folder.volume;
  return { status: state, ...(reason === undefined ? {} : { reason }), volume, ...claim };
}

function whyNot({ reason, fault }: { readonly reason?: string; readonly fault?: FaultKind }): {
  reason?: string;
  fault?: FaultKind;
} {
  return { ...(reason === undefined ? {} : { reason }), ...(fault === undefined ? {} : { fault }) };
}
