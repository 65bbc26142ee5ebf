import { createKeys, MemoryEngine, type OptionInvalidError } from '@holdfast/redis-core';
import { describe, expect, test, vi } from 'vitest';
import {
  Cache,
  cacheEntityStore,
  CacheRegistry,
  EndpointCache,
  Entities,
  EntityGraph,
  hashKey,
  L1Cache,
  type NamespaceOptions,
} from '../src/index.ts';

/** As a program without types gives them. */
type Loose = Readonly<Record<string, unknown>>;
const engine = new MemoryEngine();
const keys = createKeys('options');
const cacheOf = (more: Loose = {}): Cache => new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000, ...more });
const cache = cacheOf();
const graph = new EntityGraph({ user: { namespaces: ['ns'], invalidates: [] } });
const store = cacheEntityStore({ get: () => cache });
const registryOf = (more: Loose) => () => new CacheRegistry({ engine, keys, namespaces: {}, ...more });

const notNumbers = [Number.NaN, Infinity, -Infinity, -1, 0.5, '5', 2 ** 53];
const durations = ['softTtlMs', 'graceMs', 'negativeTtlMs', 'hardTimeoutMs', 'failureThrottleMs'] as const;
const ofLoads = ['graceMs', 'softTimeoutMs', 'hardTimeoutMs', 'negativeTtlMs'] as const;
const shares = ['jitter', 'earlyRefresh'] as const;

const numbers: readonly (readonly [path: string, owner: string, (value: unknown) => () => unknown])[] = [
  ...[...durations, 'ttlMs', 'leaseMs', 'maxEntries', 'compressAboveBytes', 'maxValueBytes'].map(
    (name) => [name, 'Cache', (value: unknown) => () => cacheOf({ [name]: value })] as const,
  ),
  ...ofLoads.map(
    (name) => [name, 'getOrSet', (value: unknown) => () => cache.getOrSet('k', () => 1, { [name]: value })] as const,
  ),
  ['ttlMs', 'getOrSet', (ttlMs) => () => cache.getOrSet('k', () => 1, { ttlMs } as Loose)],
  ['ttlMs', 'set', (ttlMs) => () => cache.set('k', 1, { ttlMs } as Loose)],
  ['graceMs', 'getOrSetMany', (graceMs) => () => cache.getOrSetMany(['k'], () => new Map(), { graceMs } as Loose)],
  ['batchSize', 'getMany', (batchSize) => () => cache.getMany(['k'], { batchSize } as Loose)],
  ['batchSize', 'readMany', (batchSize) => () => cache.readMany(['k'], { batchSize } as Loose)],
  ['concurrency', 'setMany', (concurrency) => () => cache.setMany([], { concurrency } as Loose)],
  ['batchSize', 'writeMany', (batchSize) => () => cache.writeMany([], { batchSize } as Loose)],
  ['batchSize', 'deleteMany', (batchSize) => () => cache.deleteMany([], { batchSize } as Loose)],
  ['concurrency', 'sync', (concurrency) => () => cache.sync([], [], { concurrency } as Loose)],
  ['limit', 'list', (limit) => () => cache.list({ limit } as Loose)],
  ['limit', 'top', (limit) => () => cache.top(limit as number)],
  ['maxBytes', 'L1Cache', (maxBytes) => () => new L1Cache(engine, { maxBytes } as Loose)],
  ['maxStaleMs', 'L1Cache', (maxStaleMs) => () => new L1Cache(engine, { maxStaleMs } as Loose)],
  ['maxValueBytes', 'CacheRegistry', (maxValueBytes) => registryOf({ maxValueBytes })],
  ['maxBytes', 'CacheRegistry', (maxBytes) => registryOf({ l1: { maxBytes } })],
  ['flushIntervalMs', 'CacheRegistry', (flushIntervalMs) => registryOf({ usage: { flushIntervalMs } })],
  ['maxEntries', 'CacheRegistry', (maxEntries) => registryOf({ namespaces: { a: { ttlMs: null, maxEntries } } })],
  ['maxKeys', 'EndpointCache', (maxKeys) => () => new EndpointCache({ maxKeys } as Loose)],
  ['ttlMs', 'EndpointCache', (ttlMs) => () => new EndpointCache().cached('k', ttlMs as number, async () => 1)],
  ['maxSize', 'Entities', (maxSize) => () => new Entities({ graph, store, limits: { maxSize } as Loose })],
  ['maxDepth', 'Entities', (maxDepth) => () => new Entities({ graph, store, limits: { maxDepth } as Loose })],
];

const zeros: readonly (readonly [path: string, () => unknown])[] = [
  ['concurrency', () => cache.setMany([{ key: 'k', value: 1 }], { concurrency: 0 })],
  ['batchSize', () => cache.getMany(['k'], { batchSize: 0 })],
  ['limit', () => cache.list({ limit: 0 })],
  ['maxEntries', () => cacheOf({ maxEntries: 0 })],
  ['leaseMs', () => cacheOf({ leaseMs: 0 })],
  ['hardTimeoutMs', () => cache.getOrSet('k', () => 1, { hardTimeoutMs: 0 })],
];

const unknownOnes: readonly (readonly [string, () => unknown])[] = [
  ['Cache', () => cacheOf({ ttl: 60 })],
  ['getOrSet', () => cache.getOrSet('k', () => 1, { ttl: 60 } as Loose)],
  ['getOrSetMany', () => cache.getOrSetMany(['k'], () => new Map(), { ttl: 60 } as Loose)],
  ['set', () => cache.set('k', 1, { ttl: 60 } as Loose)],
  ['write', () => cache.write('k', { body: '', contentType: 'text/plain' }, { create: true } as Loose)],
  ['writeMany', () => cache.writeMany([], { batch: 5 } as Loose)],
  ['readMany', () => cache.readMany([], { countAsUse: false } as Loose)],
  ['invalidate', () => cache.invalidate({ tags: ['a'] }, { modus: 'expire' } as Loose)],
  ['list', () => cache.list({ count: 5 } as Loose)],
  ['L1Cache', () => new L1Cache(engine, { maxSize: 1 } as Loose)],
  ['CacheRegistry', registryOf({ journals: [] })],
  ['a namespace', registryOf({ namespaces: { a: { ttlMs: null, max: 5 } as NamespaceOptions } })],
  ['EndpointCache', () => new EndpointCache({ max: 1 } as Loose)],
  ['Entities', () => new Entities({ graph, store, limits: { size: 1 } as Loose })],
  ['hashKey', () => hashKey({ a: 1 }, { prefixes: 'a' } as Loose)],
];

/** What a call throws, at once or later. */
async function thrownBy(call: () => unknown): Promise<OptionInvalidError> {
  try {
    await call();
  } catch (error) {
    return error as OptionInvalidError;
  }
  return expect.fail('It was taken.');
}

describe('options are refused by their names:', () => {
  test.each(numbers)('%s of %s, unless it is a number that it can be', async (path, _owner, callOf) => {
    for (const value of notNumbers) {
      const error = await thrownBy(callOf(value));
      // Times to live have an error of their own.
      expect(['OPTION_INVALID', 'TTL_INVALID'], String(value)).toContain(error.code);
      expect(error.issues.map((issue) => issue.path.replace(/^ttl$/, 'ttlMs'))).toEqual([path]);
    }
  });

  test.each(shares)('%s, unless it is from 0 to 1', async (path) => {
    for (const value of [Number.NaN, Infinity, -0.1, 1.1, '1']) {
      const error = await thrownBy(() => cacheOf({ [path]: value }));
      expect(error).toMatchObject({ code: 'OPTION_INVALID', issues: [{ path }] });
    }
  });

  test.each(zeros)('%s of 0', async (path, call) => {
    expect((await thrownBy(call)).issues.map((issue) => issue.path)).toEqual([path]);
  });

  test.each(unknownOnes)('those that %s does not know', async (_owner, call) => {
    const error = await thrownBy(call);
    expect(error.code).toBe('OPTION_INVALID');
    expect(error.message).toMatch(/^The option "\w+" of .* is not known\. Known: \w+/);
  });

  test('an item of many that has one fails alone', async () => {
    const result = await cache.setMany([{ key: 'a', value: 1, ttl: 5 } as never, { key: 'b', value: 2 }]);
    expect(result).toMatchObject({ successful: 1, errors: [{ key: 'a', code: 'OPTION_INVALID' }] });
  });

  test.each<[Loose]>([[{}], [{ tag: ['a'] }], [{ all: false }], [{ prefix: undefined }], [{ tags: ['a'], all: true }]])(
    'a target that names nothing, or two things, invalidates nothing: %j',
    async (target) => {
      await cache.set('stays', 1);
      expect(await thrownBy(() => cache.invalidate(target as never))).toMatchObject({ code: 'OPTION_INVALID' });
      expect(await cache.get('stays')).toBe(1);
    },
  );

  test('before the loader is called', async () => {
    const loader = vi.fn(() => 1);
    await thrownBy(() => cache.getOrSet('new', loader, { ttlMs: -1 }));
    await thrownBy(() => cache.getOrSet('new', loader, { graceMs: Number.NaN }));
    expect(loader).not.toHaveBeenCalled();
  });
});
