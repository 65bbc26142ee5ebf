import { createEngine, createKeys, type Keys, MemoryEngine, type RedisEngine } from '@holdfast/redis-core';
import { Latch, uniquePrefix, useRedis } from '@holdfast/testing';
import { afterEach, beforeEach, type Mock, vi } from 'vitest';
import { Cache, type CacheOptions, L1Cache } from '../../src/index.ts';
import { calm } from '../engines.ts';

type Rules = Partial<Omit<CacheOptions, 'engine' | 'keys' | 'namespace'>>;

interface Address {
  readonly host: string;
  readonly port: number;
  readonly db?: number;
}

/** What a process has of its own: a connection, an L1, and a cache over both. */
export interface Process {
  readonly engine: RedisEngine;
  readonly l1: L1Cache;
  readonly cache: Cache;
}

export interface Processes {
  /** Those of the test that runs. */
  readonly keys: Keys;
  /** Another process; its namespace is `ns`, with entries that live for a minute. Ends with the test. */
  readonly start: (rules?: Rules, at?: Address) => Promise<Process>;
  /** Just the cache of another process. */
  readonly cacheOf: (rules?: Rules) => Promise<Cache>;
  /** The cache of another process that has no L1. */
  readonly plainCacheOf: (rules?: Rules, at?: Address) => Promise<Cache>;
}

export const kinds = ['memory', 'ioredis'] as const;

/** Processes on one memory (which is one process by nature), or on the Redis at `address`, else that of the test run. */
export function useProcesses(kind: (typeof kinds)[number], address: () => Address = useRedis): Processes {
  const engines: RedisEngine[] = [];
  let keys = createKeys(uniquePrefix());
  beforeEach(() => {
    keys = createKeys(uniquePrefix());
  });
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
  });

  async function connect({ host, port, db = 0 }: Address = address()): Promise<RedisEngine> {
    const [memory] = engines;
    if (kind === 'memory' && memory !== undefined) return memory;
    const target = { kind: 'standalone', host, port, db } as const;
    const engine = kind === 'memory' ? new MemoryEngine() : createEngine({ name: 'load', ...calm, target });
    engines.push(engine);
    await engine.time();
    return engine;
  }

  const plainCacheOf: Processes['plainCacheOf'] = async (rules = {}, at) =>
    new Cache({ engine: await connect(at), keys, namespace: 'ns', ttlMs: 60_000, ...rules });

  const start: Processes['start'] = async (rules = {}, at) => {
    const engine = await connect(at);
    const l1 = new L1Cache(engine);
    return { engine, l1, cache: new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000, ...rules }, { l1 }) };
  };

  return {
    get keys() {
      return keys;
    },
    start,
    cacheOf: async (rules) => (await start(rules)).cache,
    plainCacheOf,
  };
}

/** Stores `value` and expires it: it is there as grace only. */
export async function storeExpired(cache: Cache, value: string, key = 'k'): Promise<void> {
  await cache.set(key, value);
  await cache.invalidate({ all: true }, { mode: 'expire' });
}

export interface HeldLoader<T> {
  readonly load: Mock<() => Promise<T>>;
  /** Open once it was called. */
  readonly started: Latch;
  /** It ends when this is opened. */
  readonly gate: Latch;
}

/** A loader that takes as long as a test wants. */
export function heldLoader<T>(end: () => T): HeldLoader<T> {
  const [started, gate] = [new Latch(), new Latch()];
  const load = vi.fn(async () => {
    started.open();
    await gate.wait();
    return end();
  });
  return { load, started, gate };
}
