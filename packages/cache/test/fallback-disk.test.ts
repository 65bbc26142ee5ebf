import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { openDiskFolder, type DiskFolder } from '@holdfast/redis-core/disk';
import { type Journal, openJournal } from '@holdfast/redis-core/journal';
import { eventually, type RedisServer, startRedis } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Cache, CacheRegistry } from '../src/index.ts';

describe('a fallback whose disk fails', () => {
  let server: RedisServer;
  let place: string;
  let directory: string;
  let disk: DiskFolder;
  let engine: RedisEngine;
  let journal: Journal;
  let registry: CacheRegistry;
  let cache: Cache;

  const start = async (): Promise<void> => {
    const { host, port } = server;
    engine = createEngine({ name: 'away', target: { kind: 'standalone', host, port } });
    disk = openDiskFolder({ directory, deadlineMs: 1000 });
    journal = await openJournal({ folder: disk });
    registry = new CacheRegistry({ engine, keys: createKeys('disk'), namespaces: { ns: { ttlMs: 600_000 } }, journal });
    cache = registry.get('ns');
    await eventually(() => expect(engine.status.available).toBe(true));
  };
  /** A volume that is gone: something else is where the folder was. */
  const lose = (): void => {
    renameSync(directory, `${directory}-gone`);
    writeFileSync(directory, '');
    process.kill(disk.pid ?? 0, 'SIGKILL');
  };
  const away = async (): Promise<void> => {
    await server.kill();
    await eventually(async () => {
      await cache.read('whatever').catch(() => undefined);
      expect(registry.isOnFallback).toBe(true);
    });
  };
  const back = async (): Promise<void> => {
    await server.start();
    await eventually(() => expect(registry.isOnFallback).toBe(false));
  };

  beforeEach(async () => {
    server = await startRedis({ args: ['--appendonly', 'yes'] });
    place = mkdtempSync(join(tmpdir(), 'holdfast-fallback-'));
    directory = join(place, 'data');
  });
  afterEach(async () => {
    await registry.close();
    await engine.close();
    await disk.close();
    await server.stop();
    rmSync(place, { recursive: true });
  });

  test('tells Redis what it had noted, although it cannot read it any more, and uses Redis again', async () => {
    await start();
    await cache.set('k', 'old');
    await cache.set('kept', 'old');
    await away();
    await cache.set('k', 'new');
    lose();
    await eventually(() => expect(disk.status.state).not.toBe('well'));
    await expect(cache.set('k', 'newer')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    await back();
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.get('kept')).toBe('old');
    await cache.set('k', 'newest');
    expect(await cache.get('k')).toBe('newest');
    // What lies on disk is applied once more when it can be read, which costs a miss.
    rmSync(directory);
    renameSync(`${directory}-gone`, directory);
    await eventually(() => expect([journal.pending(), registry.isOnFallback]).toEqual([0, false]));
  });

  test('does without one that was not there at the start: Redis is used again after an outage', async () => {
    writeFileSync(directory, '');
    await start();
    await cache.set('k', 'old');
    await away();
    await expect(cache.set('k', 'new')).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    await back();
    expect(await cache.get('k')).toBe('old');
  });
});
