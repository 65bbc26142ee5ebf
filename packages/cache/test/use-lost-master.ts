import { createEngine, createKeys, type Keys, type RedisEngine } from '@holdfast/redis-core';
import { openDiskFolder } from '@holdfast/redis-core/disk';
import { type Journal, openJournal } from '@holdfast/redis-core/journal';
import { eventually, type RedisCluster, type RedisServer, startCluster, uniquePrefix } from '@holdfast/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { CacheRegistry } from '../src/index.ts';

export const patience = { intervalMs: 5 };

/** A process with a cache. */
export interface Service {
  readonly engine: RedisEngine;
  readonly journal: Journal;
  readonly registry: CacheRegistry;
}

/** A cluster of which one master can be frozen, with no replica that takes over; set up for each test of the caller's file. */
export function useLostMaster() {
  let cluster: RedisCluster;
  let victim: RedisServer;
  let directory: string;
  let keys: Keys;
  /** A namespace whose tags lie with the other masters, and one whose tags lie on the victim. */
  let apart: string;
  let along: string;
  const closing: (() => unknown)[] = [];

  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());
  beforeEach(async () => {
    for (const node of cluster.nodes) await node.command('CONFIG', 'SET', 'cluster-replica-no-failover', 'yes');
    directory = mkdtempSync(join(tmpdir(), 'holdfast-partly-'));
    keys = createKeys(uniquePrefix());
    // A node that was frozen for long is forgiven after a while only.
    victim = await eventually(async () => {
      expect(await cluster.masters()).toHaveLength(3);
      return cluster.masterOf('whatever');
    }, patience);
    apart = await named((namespace) => keys.cacheTags(namespace), false);
    along = await named((namespace) => keys.cacheTags(namespace), true);
  });
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
    rmSync(directory, { recursive: true });
  });

  /** As a process of its own has it. */
  async function startService(name: string, maxStaleMs = 1): Promise<Service> {
    const engine = createEngine({
      name,
      target: { kind: 'cluster', nodes: cluster.addresses },
      commandTimeoutMs: 3000,
    });
    const disk = openDiskFolder({ directory: join(directory, name) });
    const journal = await openJournal({ folder: disk });
    const namespaces = { [apart]: { ttlMs: 600_000 }, [along]: { ttlMs: 600_000 } };
    const registry = new CacheRegistry({ engine, keys, namespaces, journal, l1: { maxStaleMs } });
    closing.push(async () => {
      await registry.close();
      await disk.close();
      await engine.close();
    });
    await eventually(() => expect(engine.status.available && !registry.isOnFallback).toBe(true), patience);
    return { engine, journal, registry };
  }

  /** The first name that gives a key on the victim, or on another master. */
  async function named(keyOf: (name: string) => string, onVictim: boolean, from = 0): Promise<string> {
    for (let index = from; ; index += 1) {
      if (((await cluster.masterOf(keyOf(`n${index}`))) === victim) === onVictim) return `n${index}`;
    }
  }

  const lostIn = (namespace: string, from = 0): Promise<string> =>
    named((key) => keys.cache(namespace, key), true, from);
  const keptIn = (namespace: string, from = 0): Promise<string> =>
    named((key) => keys.cache(namespace, key), false, from);

  /** Frozen, so that it comes back with what it held. */
  async function freeze(...services: readonly Service[]): Promise<void> {
    victim.pause();
    closing.push(() => victim.resume());
    for (const { registry } of services) await eventually(() => expect(registry.isOnFallback).toBe(true), patience);
  }

  async function thaw(...services: readonly Service[]): Promise<void> {
    victim.resume();
    for (const { registry } of services) await eventually(() => expect(registry.isOnFallback).toBe(false), patience);
  }

  return {
    get cluster() {
      return cluster;
    },
    get victim() {
      return victim;
    },
    get directory() {
      return directory;
    },
    get keys() {
      return keys;
    },
    get apart() {
      return apart;
    },
    get along() {
      return along;
    },
    closing,
    startService,
    named,
    lostIn,
    keptIn,
    freeze,
    thaw,
  };
}
