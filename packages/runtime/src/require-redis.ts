import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseConfig } from '@holdfast/config';
import { notConnectedYet } from '@holdfast/redis-core';
import { connectionStates, type Connections } from './connections.ts';
import { isLockedOut } from './locked-out.ts';
import { exitCodes, StartError } from './start-error.ts';

/** How often the connections are looked at; looking costs nothing. */
const INTERVAL_MS = 25;
/** What connecting may take before the service goes on without; to a Redis that is there it takes a few milliseconds. */
const FIRST_CONNECTION_MS = 500;

/**
 * Without fallback (`REDIS_ENABLE_FALLBACK=false`) there is no service without Redis: waits until all connections are
 * there. With fallback it waits half a second at most, so that the first answers of a process do not call a Redis away
 * that it is only connecting to.
 * @returns what is not there, as one text; `undefined` when all is
 * @throws StartError that says the same after REDIS_CONNECTION_TIMEOUT_MS, and at once where access is refused
 */
export async function requireRedis({ redis }: BaseConfig, runtime: Connections): Promise<string | undefined> {
  const { enableFallback, connectionTimeoutMs } = redis;
  const end = Date.now() + (enableFallback ? Math.min(FIRST_CONNECTION_MS, connectionTimeoutMs) : connectionTimeoutMs);
  for (;;) {
    const missing = missingRedis(runtime);
    if (missing === undefined) return undefined;
    if (Date.now() >= end || isLockedOut(runtime)) {
      if (enableFallback) return missing;
      throw new StartError(
        `No Redis, and no fallback for it (REDIS_ENABLE_FALLBACK=false): ${missing}.`,
        exitCodes.redisUnavailable,
      );
    }
    await sleep(INTERVAL_MS);
  }
}

/** Why a Redis cannot be used right now, each reason once; `undefined` when all can. */
export function missingRedis(connections: Connections): string | undefined {
  const missing = connectionStates(connections).filter((one) => !one.available);
  if (missing.length === 0) return undefined;
  const reasons = [...new Set(missing.map(({ reason }) => reason ?? 'no connection'))];
  // One that has not heard yet adds nothing to what another knows.
  const known = reasons.filter((reason) => reason !== notConnectedYet);
  return (known.length > 0 ? known : reasons).join('; ');
}
