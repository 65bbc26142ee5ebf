import { Cache, L1Cache } from '@holdfast/cache';
import { createKeys, MemoryEngine } from '@holdfast/redis-core';
import { defineQueue } from '@holdfast/queue';
import type { QueueDefinition } from '@holdfast/queue';
import { describe, expect, it } from 'vitest';
import { durationBounds, type DurationBounds } from '@holdfast/config/part';
import { queueBounds } from '../../src/queues/config/duration-bounds.ts';
import { load, problemPaths } from './load.ts';

const define = (part: Partial<QueueDefinition>): unknown =>
  defineQueue({
    name: 'q',
    description: '',
    payload: {},
    attempts: 1,
    timeoutMs: 1000,
    concurrency: 1,
    retention: { completed: {}, failed: {} },
    ...part,
  });

const keys = createKeys('bounds');
const cache = (part: object): unknown => {
  const engine = new MemoryEngine();
  try {
    return new Cache({ engine, keys, namespace: 'n', ttlMs: 60_000, ...part }, { l1: new L1Cache(engine) });
  } finally {
    void engine.close();
  }
};

const url = 'https://example.com/';
const { life, wait } = durationBounds;
const { attempt, backoff, rateLimit, waitingTtl, every, coalesceWait, retention } = queueBounds;

interface Row {
  readonly path: string;
  readonly bounds: DurationBounds;
  readonly yaml: (value: string) => string;
  readonly take?: (ms: number) => unknown;
}

const ofNamespace = (field: string, bounds: DurationBounds): Row => ({
  path: `cache.namespaces.n.${field}`,
  bounds,
  yaml: (value) => `cache: {namespaces: {n: {${field}: ${value}}}}`,
  take: (ms) => cache({ [`${field}Ms`]: ms }),
});
const ofQueue = (
  field: string,
  bounds: DurationBounds,
  yaml: (value: string) => string,
  part: (ms: number) => object,
): Row => ({
  path: `queues.q.${field}`,
  bounds,
  yaml: (value) => `queues: {q: {url: "${url}", ${yaml(value)}}}`,
  take: (ms) => define(part(ms)),
});

const rows: readonly Row[] = [
  ...['softTtl', 'grace', 'negativeTtl'].map((field) => ofNamespace(field, life)),
  ...['hardTimeout', 'failureThrottle', 'lease'].map((field) => ofNamespace(field, wait)),
  {
    path: 'cache.namespaces.n.ttl',
    bounds: { min: 0, max: life.max },
    yaml: (value) => `cache: {namespaces: {n: {ttl: ${value}}}}`,
    take: (ttlMs) => cache({ ttlMs }),
  },
  { path: 'cache.l1.maxStale', bounds: life, yaml: (value) => `cache: {l1: {maxStale: ${value}}}` },
  { path: 'sources.instances.timeout', bounds: wait, yaml: (value) => `sources: {instances: {timeout: ${value}}}` },
  ofQueue(
    'timeout',
    attempt,
    (value) => `timeout: ${value}`,
    (timeoutMs) => ({ timeoutMs }),
  ),
  ofQueue(
    'waitingTtl',
    waitingTtl,
    (value) => `waitingTtl: ${value}`,
    (waitingTtlMs) => ({ waitingTtlMs }),
  ),
  ofQueue(
    'backoff.delay',
    backoff,
    (value) => `backoff: {type: fixed, delay: ${value}}`,
    (delayMs) => ({ backoff: { type: 'fixed', delayMs } }),
  ),
  ofQueue(
    'backoff.maxDelay',
    backoff,
    (value) => `backoff: {type: fixed, delay: 1s, maxDelay: ${value}}`,
    (maxDelayMs) => ({
      backoff: { type: 'fixed', delayMs: 1, maxDelayMs },
    }),
  ),
  ofQueue(
    'rateLimit.per',
    rateLimit,
    (value) => `rateLimit: {max: 1, per: ${value}}`,
    (durationMs) => ({ rateLimit: { max: 1, durationMs } }),
  ),
  ofQueue(
    'schedule.every',
    every,
    (value) => `schedule: {every: ${value}}`,
    (everyMs) => ({ schedule: { everyMs } }),
  ),
  ofQueue(
    'coalesce.maxWait',
    coalesceWait,
    (value) => `coalesce: {field: a, maxItems: 2, maxWait: ${value}}`,
    (maxWaitMs) => ({
      coalesce: { field: 'a', maxItems: 2, maxWaitMs },
    }),
  ),
  ...['completed', 'failed'].map((outcome): Row =>
    ofQueue(
      `retention.${outcome}.age`,
      retention,
      (value) => `retention: {${outcome}: {age: ${value}}}`,
      (ageMs) => ({
        retention: { completed: {}, failed: {}, [outcome]: { ageMs } },
      }),
    ),
  ),
];

describe.each(rows)('$path', ({ path, bounds: { min, max }, yaml, take }) => {
  it('is taken up to its bounds, by the file and by the library', () => {
    for (const ms of [Math.max(1, min), max]) {
      expect(() => load({}, yaml(`${ms}ms`)), `${ms}`).not.toThrow();
      expect(() => take?.(ms), `${ms}`).not.toThrow();
    }
  });

  it('is a problem with its path beyond them, and an error of the library', () => {
    for (const ms of [max + 1, ...(min > 1 ? [min - 1] : [])]) {
      expect(problemPaths({}, yaml(`${ms}ms`)), `${ms}`).toEqual([path]);
      if (take !== undefined) expect(() => take(ms), `${ms}`).toThrow();
    }
  });
});

describe('a TTL in the environment', () => {
  it.each(['CACHE_TIMEOUT', 'COMPREHENSIVE_CACHE_TTL', 'NOVITA_API_CACHE_TTL'])(
    '%s is taken up to 36500 days',
    (name) => {
      for (const value of ['3651d', '36500d', String(36_500 * 86_400)])
        expect(() => load({ [name]: value })).not.toThrow();
      for (const value of ['36501d', String(36_500 * 86_400 + 1)])
        expect(problemPaths({ [name]: value })).toEqual([name]);
    },
  );
});
