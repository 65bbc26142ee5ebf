import { ok } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Cache, L1Cache } from '@holdfast/cache';
import { createEngine, createKeys } from '@holdfast/redis-core';
import { eventually } from '@holdfast/testing';
import { Redis } from 'ioredis';
import type { Peer, PeerOptions } from './peers/peers.mjs';

export type { Peer, PeerOptions } from './peers/peers.mjs';

const directory = fileURLToPath(new URL('peers', import.meta.url));

/** Installs the peers beside this file when they are not there: they are dependencies of nothing else. */
export async function openPeers(options: PeerOptions): Promise<Peer[]> {
  if (!existsSync(`${directory}/node_modules/bentocache`)) {
    execFileSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund'], {
      cwd: directory,
      stdio: 'ignore',
    });
  }
  const { openBentocache, openCacheManager } = await import('./peers/peers.mjs');
  return [await openHoldfast(options), openBentocache(options), openCacheManager(options), openPlain(options)];
}

async function openHoldfast({ host, port, l1 }: PeerOptions): Promise<Peer> {
  const engine = createEngine({ name: 'benchmark', target: { kind: 'standalone', host, port } });
  await engine.time();
  const tier = new L1Cache(engine, l1 ? {} : { maxBytes: 0 });
  const keys = createKeys('holdfast');
  const cache = new Cache({ engine, keys, namespace: 'c', ttlMs: 600_000 }, { l1: tier });
  if (l1) await eventually(() => ok(tier.isTracked));
  return {
    name: 'Holdfast',
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    getOrSet: (key, load) => cache.getOrSet(key, load),
    setMany: (entries) => cache.setMany(entries.map(([key, value]) => ({ key, value }))),
    getMany: (list) => cache.getMany(list),
    deleteMany: (list) => cache.deleteMany(list),
    async close() {
      tier.close();
      await engine.close();
    },
  };
}

/** What one would write without a cache library: JSON, commands of one tick in one write, a pipeline for bulk. */
function openPlain({ host, port }: PeerOptions): Peer {
  const redis = new Redis({ host, port, enableAutoPipelining: true, protocol: 2 });
  const full = (key: string): string => `plain:${key}`;
  const parse = (text: string | null): unknown => (text === null ? undefined : (JSON.parse(text) as unknown));
  const set = (key: string, value: unknown): Promise<unknown> =>
    redis.set(full(key), JSON.stringify(value), 'PX', 600_000);
  return {
    name: 'plain ioredis',
    get: async (key) => parse(await redis.get(full(key))),
    set,
    async getOrSet(key, load) {
      const known = parse(await redis.get(full(key)));
      if (known !== undefined) return known;
      const value = await load();
      await set(key, value);
      return value;
    },
    async setMany(entries) {
      const pipeline = redis.pipeline();
      for (const [key, value] of entries) pipeline.set(full(key), JSON.stringify(value), 'PX', 600_000);
      return pipeline.exec();
    },
    async getMany(keys) {
      const pipeline = redis.pipeline();
      for (const key of keys) pipeline.get(full(key));
      const replies = (await pipeline.exec()) ?? [];
      return replies.map(([, text]) => parse(text as string | null));
    },
    async deleteMany(keys) {
      const pipeline = redis.pipeline();
      for (const key of keys) pipeline.unlink(full(key));
      return pipeline.exec();
    },
    async close() {
      redis.disconnect();
    },
  };
}
