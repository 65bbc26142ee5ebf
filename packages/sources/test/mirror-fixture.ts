import { onTestFinished } from 'vitest';
import { Cache } from '@holdfast/cache';
import { createEngine, createKeys } from '@holdfast/redis-core';
import type { Keys, RedisEngine, RedisTarget } from '@holdfast/redis-core';
import { Mirror } from '@holdfast/sources';
import type { SourceOptions } from '@holdfast/sources';
import { TestClock, uniquePrefix, useRedis } from '@holdfast/testing';
import { sampleSource } from './sample-source.ts';

export const engineKinds = ['memory', 'ioredis'] as const;
export type FixtureEngine = (typeof engineKinds)[number];

function openEngine(target: RedisTarget): RedisEngine {
  // A busy machine is no outage.
  const engine = createEngine({ name: 'cache', target, probeIntervalMs: 0, commandTimeoutMs: 60_000 });
  onTestFinished(async () => engine.close());
  return engine;
}

export interface MirrorFixture {
  readonly mirror: Mirror;
  readonly cache: Cache;
  readonly engine: RedisEngine;
  readonly keys: Keys;
  readonly clock: TestClock;
  /** Another mirror of the same source over the same Redis, as another process has it. */
  readonly another: (overrides?: { readonly engine?: RedisEngine; readonly cache?: Cache }) => Mirror;
  /** Every entry of the namespace with its body, in the order of their keys. */
  readonly content: () => Promise<Record<string, string>>;
}

export interface MirrorSettings {
  readonly url: string;
  readonly source?: Partial<SourceOptions>;
  /** Default: the memory engine. */
  readonly target?: RedisTarget;
}

/** A mirror of `sampleSource` with a namespace of its own. */
export function openMirror({
  url,
  source: overrides = {},
  target = { kind: 'memory' },
}: MirrorSettings): MirrorFixture {
  const engine = openEngine(target);
  const keys = createKeys(uniquePrefix('sources'));
  const clock = new TestClock();
  const source = sampleSource(overrides);
  const cache = new Cache({ engine, keys, namespace: source.namespace, ttlMs: 300_000, now: clock.now });
  const another: MirrorFixture['another'] = (parts = {}) =>
    new Mirror({ source, upstream: { baseUrl: url }, engine, keys, cache, now: clock.now, ...parts });
  return {
    mirror: another(),
    cache,
    engine,
    keys,
    clock,
    another,
    content: async () => contentOf(cache),
  };
}

export function targetOf(kind: FixtureEngine): RedisTarget {
  if (kind === 'memory') return { kind };
  const { host, port, db } = useRedis();
  return { kind: 'standalone', host, port, db };
}

async function contentOf(cache: Cache): Promise<Record<string, string>> {
  const keys: string[] = [];
  let cursor: string | null = null;
  do {
    const page: { keys: string[]; cursor: string | null } = await cache.list(cursor === null ? {} : { cursor });
    keys.push(...page.keys);
    ({ cursor } = page);
  } while (cursor !== null);
  const unique = [...new Set(keys)].toSorted();
  const entries = await cache.readMany(unique);
  return Object.fromEntries(unique.map((key, index) => [key, entries[index]?.body.toString() ?? '']));
}
