import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { eventually, startRedis, type RedisServer, uniquePrefix, useRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Cache } from '../src/index.ts';
import { calm } from './engines.ts';

const { host, port, db } = useRedis();
/** Of two processes: what one does the other does not know of. */
const twice = (create: () => RedisEngine): readonly RedisEngine[] => [create(), create()];
/** Engines whose Redis reports no changes, and what ends what was opened for them. */
const untracked: readonly (readonly [string, () => Promise<readonly [readonly RedisEngine[], RedisServer?]>])[] = [
  [
    'as it is told to',
    async () => {
      const target = { kind: 'standalone', host, port, db } as const;
      return [twice(() => createEngine({ name: 'untracked', ...calm, target, tracking: false }))];
    },
  ],
  [
    'as it may not be asked to (ACL)',
    async () => {
      const server = await startRedis();
      const rights = ['~*', '-@all', '+@read', '+@write', '+@scripting', '+@connection'];
      await server.command('ACL', 'SETUSER', 'app', 'on', '>secret', ...rights);
      const user = { username: 'app', password: 'secret' };
      const target = { kind: 'standalone', host: server.host, port: server.port, ...user } as const;
      const engines = twice(() => createEngine({ name: 'untracked', ...calm, target }));
      for (const engine of engines) {
        // It is asked for as soon as somebody wants to hear of changes.
        engine.onInvalidate(() => undefined);
        await eventually(() => expect(engine.tracksReads).toBe(false));
      }
      return [engines, server];
    },
  ],
];

describe.each(untracked)('where Redis reports no changes, %s', (_, open) => {
  let engines: readonly RedisEngine[];
  let server: RedisServer | undefined;
  beforeAll(async () => {
    [engines, server] = await open();
  });
  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.close()));
    await server?.stop();
  });

  test('L1 serves an old value for a second and no longer', async () => {
    const keys = createKeys(uniquePrefix());
    const [reader, writer] = engines.map((engine) => new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 }));
    if (reader === undefined || writer === undefined) throw new Error('Two engines make two caches.');
    await writer.set('k', 'old');
    await reader.get('other'); // connected
    // A clock that stands still, until it is moved.
    let now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
    try {
      expect(await reader.get('k')).toBe('old');
      await writer.set('k', 'new');
      now += 999;
      expect(await reader.read('k')).toMatchObject({ layer: 'l1' });
      expect(await reader.get('k')).toBe('old');
      now += 2;
      expect(await reader.get('k')).toBe('new');
    } finally {
      clock.mockRestore();
    }
  });

  test('everything works, with entries that are loaded again while they are served', async () => {
    const keys = createKeys(uniquePrefix());
    const [engine] = engines;
    if (engine === undefined) throw new Error('There is no engine.');
    const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 1, graceMs: 60_000 });
    let loads = 0;
    const load = (): Promise<unknown> => cache.getOrSet('k', async () => `${(loads += 1)}`);
    expect(await load()).toBe('1');
    // Old at once: each is served, and refreshed behind it.
    await eventually(async () => expect(Number(await load())).toBeGreaterThan(2));
    await cache.set('tagged', 'value', { tags: ['t'] });
    await cache.invalidate({ tags: ['t'] });
    await eventually(async () => expect(await cache.get('tagged')).toBeUndefined());
  });
});
