import { createEngine, MemoryEngine, type RedisEngine } from '@holdfast/redis-core';
import { useRedis } from '@holdfast/testing';

const { host, port, db } = useRedis();

/** For `describe.each`: memory, and the Redis of the test run. */
export const engines: readonly (readonly [string, () => RedisEngine])[] = [
  ['memory', () => new MemoryEngine()],
  [
    'ioredis',
    () =>
      createEngine({
        name: 'cache',
        commandTimeoutMs: 60_000,
        probeIntervalMs: 0,
        target: { kind: 'standalone', host, port, db },
      }),
  ],
];
