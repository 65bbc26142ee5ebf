import { describe, expect, it } from 'vitest';
import { evictionWarnings, type RedisMemory } from '../src/eviction-policy.ts';

const redis = (policy: string | null, max: number | null = 1_000_000): RedisMemory => ({
  policy,
  max,
  runId: undefined,
});

describe('the eviction policy of the durable Redis', () => {
  const durable = (memory: RedisMemory | undefined): readonly string[] =>
    evictionWarnings(undefined, memory, false).durable;

  it.each(['allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'volatile-lru', 'volatile-ttl', 'noeviction,allkeys-lru'])(
    'is warned about when it is %s, with a memory limit or without one yet',
    (policy) => {
      const bad = policy.replace('noeviction,', '');
      expect(durable(redis(policy))).toEqual([expect.stringContaining(`is ${bad}: when its memory is full`)]);
      expect(durable(redis(policy, null))).toEqual([expect.stringContaining('as soon as it has a memory limit')]);
    },
  );

  it.each([['noeviction'], [null]])('is fine when it is %s', (policy) => {
    expect(durable(redis(policy))).toEqual([]);
    expect(durable(undefined)).toEqual([]);
  });
});

describe('the eviction policy of the Redis of the cache', () => {
  const cache = (memory: RedisMemory, isOneServer = false): readonly string[] =>
    evictionWarnings(memory, redis('noeviction'), isOneServer).cache;

  it('is warned about when it keeps everything in a limited memory', () => {
    expect(cache(redis('noeviction'))).toEqual([expect.stringContaining('set allkeys-lru')]);
    expect(cache(redis('noeviction', null))).toEqual([]);
    expect(cache(redis('allkeys-lru'))).toEqual([]);
    expect(cache(redis(null))).toEqual([]);
  });

  it('may keep everything where the queues are on the same server', () => {
    expect(cache(redis('noeviction'), true)).toEqual([]);
  });
});
