import { createEngine, MemoryEngine, type RedisEngine } from '@holdfast/redis-core';
import { useRedis } from '@holdfast/testing';

const { host, port, db } = useRedis();

/** Options of an engine whose Redis is never away: a busy machine is no outage. */
export const calm = { probeIntervalMs: 0, commandTimeoutMs: 60_000, trackingHeartbeatMs: 60_000 } as const;

/** For `describe.each`: memory, and the Redis of the test run. */
export const engines: readonly (readonly [string, () => RedisEngine])[] = [
  ['memory', () => new MemoryEngine()],
  [
    'ioredis',
    () =>
      createEngine({
        name: 'cache',
        ...calm,
        target: { kind: 'standalone', host, port, db },
      }),
  ],
];
