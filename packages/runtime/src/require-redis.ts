import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '@holdfast/config';
import { UnavailableError } from '@holdfast/redis-core';
import type { Runtime } from './create-runtime.ts';

/** How often the connections are looked at; looking costs nothing. */
const INTERVAL_MS = 25;
/** What connecting may take before the service goes on without; to a Redis that is there it takes a few milliseconds. */
const FIRST_CONNECTION_MS = 500;

/**
 * Without fallback (`REDIS_ENABLE_FALLBACK=false`) there is no service without Redis: waits until all connections are
 * there. With fallback it waits half a second at most, so that the first answers of a process do not call a Redis away
 * that it is only connecting to.
 * @throws UnavailableError naming those that are not there after REDIS_CONNECTION_TIMEOUT_MS
 */
export async function requireRedis(
  { redis }: Config,
  { engines, queueBackend }: Pick<Runtime, 'engines' | 'queueBackend'>,
): Promise<void> {
  const { enableFallback, connectionTimeoutMs } = redis;
  const parts = { cache: engines.cache, durable: engines.durable, queue: queueBackend };
  const end = Date.now() + (enableFallback ? Math.min(FIRST_CONNECTION_MS, connectionTimeoutMs) : connectionTimeoutMs);
  for (;;) {
    const missing = Object.entries(parts).filter(([, part]) => !part.status.available);
    if (missing.length === 0) return;
    if (Date.now() >= end) {
      if (enableFallback) return;
      const list = missing.map(([name, part]) => `${name} (${part.status.reason ?? 'no connection'})`).join(', ');
      throw new UnavailableError(
        `REDIS_ENABLE_FALLBACK=false, and Redis could not be reached within ${connectionTimeoutMs} ms: ${list}.`,
      );
    }
    await sleep(INTERVAL_MS);
  }
}
