import { createEngine, createKeys } from '@holdfast/redis-core';
import { openDiskFolder } from '@holdfast/redis-core/disk';
import { openJournal } from '@holdfast/redis-core/journal';
import { eventually, historySeconds, type RedisCluster, startCluster, uniquePrefix } from '@holdfast/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cache, CacheRegistry } from '../src/index.ts';
import { Random } from './history/random.ts';

/** Longer with HISTORY_SECONDS. */
const seconds = process.env['HISTORY_SECONDS'] === undefined ? 8 : historySeconds();
const namespaces = ['one', 'two', 'three', 'four'];

let cluster: RedisCluster;
let directory: string;
beforeAll(async () => {
  cluster = await startCluster();
  directory = mkdtempSync(join(tmpdir(), 'holdfast-random-'));
});
afterAll(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

interface Service {
  readonly registry: CacheRegistry;
  close(): Promise<void>;
}

async function startService(name: string, prefix: string): Promise<Service> {
  const engine = createEngine({ name, target: { kind: 'cluster', nodes: cluster.addresses }, commandTimeoutMs: 2000 });
  const disk = openDiskFolder({ directory: join(directory, name) });
  const journal = await openJournal({ folder: disk });
  const registry = new CacheRegistry({
    engine,
    keys: createKeys(prefix),
    namespaces: Object.fromEntries(namespaces.map((namespace) => [namespace, { ttlMs: 600_000 }])),
    journal,
    l1: { maxStaleMs: 50 },
  });
  const close = async (): Promise<void> => {
    await registry.close();
    await disk.close();
    await engine.close();
  };
  return { registry, close };
}

/** The keys of one caller, which nobody else changes, and what may be read under each: nothing, or one of these values. */
class Lane {
  readonly #random: Random;
  readonly #cache: Cache;
  readonly #name: string;
  readonly #allowed = new Map<string, Set<string>>();
  readonly #tagged = new Set<string>();
  #written = 0;
  reads = 0;
  failures = 0;

  constructor(cache: Cache, name: string, random: Random) {
    this.#cache = cache;
    this.#name = name;
    this.#random = random;
    for (let index = 0; index < 12; index += 1) this.#allowed.set(`${name}-${index}`, new Set());
  }

  get #keys(): string[] {
    return [...this.#allowed.keys()];
  }

  async step(): Promise<void> {
    const [key = ''] = this.#random.some(this.#keys, 0.2);
    const others = this.#random.some(this.#keys, 0.3);
    const tag = `tag:${this.#name}`;
    const tags = this.#random.some([tag]);
    const what = this.#random.weighted({
      get: 30,
      getMany: 15,
      set: 15,
      setMany: 8,
      delete: 8,
      invalidateKeys: 4,
      getOrSet: 12,
      invalidateTag: 5,
      invalidatePrefix: 3,
    });
    if (key === '') return;
    switch (what) {
      case 'get':
        await this.#try(async () => this.#saw(key, await this.#cache.get<string>(key)));
        break;
      case 'getMany':
        await this.#try(async () => this.#sawAll(others, await this.#cache.getMany<string>(others)));
        break;
      case 'set':
        await this.#put(key, tags);
        break;
      case 'setMany':
        await this.#putMany(others);
        break;
      case 'delete':
        await this.#gone([key], () => this.#cache.delete(key));
        break;
      case 'invalidateKeys':
        await this.#gone(others, () => this.#cache.invalidate({ keys: others }));
        break;
      case 'getOrSet':
        await this.#load(key, tags);
        break;
      case 'invalidateTag':
        await this.#untag(tag);
        break;
      case 'invalidatePrefix':
        await this.#gone(this.#keys, () => this.#cache.invalidate({ prefix: `${this.#name}-` }));
    }
  }

  /** What another process may read in the end. */
  async check(cache: Cache): Promise<void> {
    this.#sawAll(this.#keys, await cache.getMany<string>(this.#keys));
  }

  async #try(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (!code.startsWith('REDIS_UN')) throw error;
      this.failures += 1;
      return false;
    }
  }

  #saw(key: string, value: string | undefined): void {
    this.reads += 1;
    if (value === undefined) return;
    const allowed = this.#allowed.get(key) ?? new Set<string>();
    if (!allowed.has(value)) {
      throw new Error(`${key} is ${value}, but may only be one of [${[...allowed].join(', ')}]`);
    }
  }

  #sawAll(keys: readonly string[], values: readonly (string | undefined)[]): void {
    for (const [index, key] of keys.entries()) this.#saw(key, values[index]);
  }

  #value(tags: readonly string[]): string {
    this.#written += 1;
    const value = `v${this.#written}`;
    if (tags.length > 0) this.#tagged.add(value);
    return value;
  }

  async #put(key: string, tags: readonly string[]): Promise<void> {
    const value = this.#value(tags);
    // It may have been applied even if the call fails.
    this.#allowed.get(key)?.add(value);
    if (await this.#try(() => this.#cache.set(key, value, { tags }))) this.#allowed.set(key, new Set([value]));
  }

  async #putMany(keys: readonly string[]): Promise<void> {
    const items = keys.map((key) => ({ key, value: this.#value([]) }));
    for (const { key, value } of items) this.#allowed.get(key)?.add(value);
    const { errors } = await this.#cache.setMany(items);
    const failed = new Set(errors.map(({ key }) => key));
    for (const { key, value } of items) if (!failed.has(key)) this.#allowed.set(key, new Set([value]));
  }

  async #gone(keys: readonly string[], work: () => Promise<unknown>): Promise<void> {
    if (await this.#try(work)) for (const key of keys) this.#allowed.set(key, new Set());
  }

  async #untag(tag: string): Promise<void> {
    if (!(await this.#try(() => this.#cache.invalidate({ tags: [tag] })))) return;
    for (const allowed of this.#allowed.values()) {
      for (const value of allowed) if (this.#tagged.has(value)) allowed.delete(value);
    }
  }

  async #load(key: string, tags: readonly string[]): Promise<void> {
    const value = this.#value(tags);
    this.#allowed.get(key)?.add(value);
    await this.#try(async () => this.#saw(key, await this.#cache.getOrSet(key, () => value, { tags })));
  }
}

test(
  `while masters freeze and thaw for ${seconds} s nobody reads what was replaced, removed or invalidated`,
  async () => {
    const seed = Number(process.env['HISTORY_SEED'] ?? Date.now() % 100_000);
    const random = new Random(seed);
    for (const node of cluster.nodes) await node.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes');
    const prefix = uniquePrefix();
    const services = await Promise.all(['a', 'b'].map(async (name) => startService(name, prefix)));
    const lanes = services.flatMap(({ registry }, index) =>
      namespaces.map((namespace, at) => {
        const lane = new Lane(registry.get(namespace), `${index}x${at}`, new Random(seed + index * 10 + at));
        return { lane, namespace };
      }),
    );
    const masters = await cluster.masters();
    try {
      const endAt = performance.now() + seconds * 1000;
      const working = lanes.map(async ({ lane }) => {
        while (performance.now() < endAt) await lane.step();
      });
      const disturbing = (async () => {
        while (performance.now() < endAt) {
          await wait(random.between(300, 900));
          const [one = masters[0]] = random.some(masters, 0.4);
          const frozen = random.next() < 0.15 || one === undefined ? masters : [one];
          for (const master of frozen) master.pause();
          await wait(random.between(700, 1600));
          for (const master of frozen) master.resume();
        }
      })();
      await Promise.all([...working, disturbing]);
      for (const { registry } of services) {
        await eventually(() => expect(registry.isOnFallback).toBe(false));
      }
      for (const { lane, namespace } of lanes)
        for (const { registry } of services) await lane.check(registry.get(namespace));
    } catch (error) {
      throw new Error(`HISTORY_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    } finally {
      for (const master of masters) master.resume();
      for (const service of services) await service.close();
    }
    const reads = lanes.reduce((sum, { lane }) => sum + lane.reads, 0);
    const failures = lanes.reduce((sum, { lane }) => sum + lane.failures, 0);
    if (process.env['HISTORY_SECONDS'] !== undefined) console.log({ seed, reads, failures });
    expect(reads).toBeGreaterThan(100);
  },
  (seconds + 60) * 1000,
);
