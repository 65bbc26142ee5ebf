import type { BaseConfig } from '@holdfast/config';
import type { Health, Redis } from '@holdfast/contract';
import type { HealthReading } from '@holdfast/modules';
import { createKeys, faultKindOf, type FaultKind, type RedisEngine } from '@holdfast/redis-core';
import { connectionStates, isLockedOut, type Connections, type Runtime } from '@holdfast/runtime';
import type { ModulesHealth } from './modules-health.ts';

export interface HealthSources extends ReadinessSources {
  readonly runtime: Pick<Runtime, 'engines' | 'parts' | 'modules' | 'eviction'>;
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

/** What a round trip may take before Redis counts as slow to death. */
const probeDeadlineMs = 500;

/** The `/health` report. It never takes longer than one probe, whatever state Redis is in. */
export async function healthReport(from: HealthSources): Promise<OwnReport & HealthReading['fields']> {
  const { config, runtime } = from;
  const { engines, parts } = runtime;
  const [cache, durable] = await Promise.all([
    readRedis(engines.cache, config),
    engines.durable === engines.cache ? undefined : readRedis(engines.durable, config),
  ]);
  const { warnings } = runtime.eviction;
  const ofCache: Redis = { ...cache, warnings: [...warnings.cache] };
  const ofDurable: Redis = { ...(durable ?? cache), warnings: [...warnings.durable] };
  const modules = from.modules.read();
  const healthy = [cache, durable].every((reading) => reading?.healthy !== false) && modules.isHealthy;
  return {
    status: judge(healthy, config.redis.enableFallback && !isLockedOut(runtime)),
    version: from.version,
    uptime: from.uptime(),
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

/**
 * One command, so that a Redis that accepts connections and answers nothing is noticed too; and a write, since a replica, a
 * full disk and rules of access (ACL) refuse those alone. It removes a key that is never there.
 */
export async function readRedis(engine: RedisEngine, config: ReadinessSources['config']): Promise<RedisReading> {
  // Nothing is wrong where none is configured, but neither is there a Redis that would be available.
  if (engine.kind === 'memory') {
    return {
      available: false,
      healthy: true,
      latencyMs: null,
      breaker: 'closed',
      reason: 'no Redis is configured',
      limits: [],
    };
  }
  const { status } = engine;
  const { available } = status;
  const limits = [...(status.limits ?? [])];
  if (!available) return { available, healthy: false, latencyMs: null, breaker: 'open', ...whyNot(status), limits };
  const start = performance.now();
  try {
    await engine.del([createKeys(config.redis.keyPrefix).probe()], { deadlineMs: probeDeadlineMs });
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'no answer';
    return { available, healthy: false, latencyMs: null, breaker: 'closed', reason, fault: faultKindOf(error), limits };
  }
  const latencyMs = Math.round((performance.now() - start) * 100) / 100;
  return { available, healthy: true, latencyMs, breaker: 'closed', limits };
}

function whyNot({ reason, fault }: { readonly reason?: string; readonly fault?: FaultKind }): {
  reason?: string;
  fault?: FaultKind;
} {
  return { ...(reason === undefined ? {} : { reason }), ...(fault === undefined ? {} : { fault }) };
}
