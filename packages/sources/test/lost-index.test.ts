import { CacheRegistry } from '@holdfast/cache';
import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { eventually, indexLoad, type Monitor, monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Mirror } from '../src/index.ts';
import { pagesOf, startHttp } from './http-fixture.ts';
import { sampleSource } from './sample-source.ts';

const { others, waitMs } = indexLoad();
const PER_CALL = 5000;
const connection = /^(hello|client|select|ping|info|command|subscribe|auth|time)$/i;

/** Beside many keys of others, in a namespace with an index as the service has it. */
describe('the first sync of a mirror, and one whose index was lost', () => {
  const keys = createKeys('lost');
  const source = sampleSource({
    pagination: { kind: 'page', pageParam: 'page', sizeParam: 'size', size: 100, totalField: 'total' },
  });
  let server: RedisServer;
  let engine: RedisEngine;
  let registry: CacheRegistry;
  let seen: Monitor;
  let list: { id: string; text: string }[];
  let mirror: Mirror;
  let url: string;
  beforeAll(async () => {
    server = await startRedis();
    engine = createEngine({
      name: 'lost',
      probeIntervalMs: 0,
      commandTimeoutMs: 60_000,
      target: { kind: 'standalone', host: server.host, port: server.port },
    });
    seen = await monitor(server.url);
  });
  afterAll(async () => {
    await registry.close();
    await seen.stop();
    await engine.close();
    await server.stop();
  });
  beforeEach(async () => {
    await (registry as CacheRegistry | undefined)?.close();
    await server.command('FLUSHALL');
    const fill = `for i = tonumber(ARGV[1]), tonumber(ARGV[1]) + tonumber(ARGV[2]) - 1 do
      redis.call('SET', 'other:' .. i, 'x') end return 1`;
    for (let base = 0; base < others; base += PER_CALL) {
      await server.command('EVAL', fill, '0', String(base), String(PER_CALL));
    }
    list = Array.from({ length: 500 }, (_, at) => ({ id: `item-${at}`, text: 'x'.repeat(100) }));
    ({ url } = await startHttp(pagesOf(() => list)));
    open();
  });
  /** As a new process has it. */
  const open = (): void => {
    registry = new CacheRegistry({
      engine,
      keys,
      namespaces: { [source.namespace]: { ttlMs: null, indexed: true } },
    });
    mirror = new Mirror({ source, upstream: { baseUrl: url }, engine, keys, cache: registry.get(source.namespace) });
  };
  const isComplete = (): Promise<unknown> =>
    eventually(async () => expect(await registry.get(source.namespace).indexedKeys()).not.toBeNull(), {
      timeoutMs: waitMs,
    });

  it('looks at no key of others: 500 items cost as many commands as ever', async () => {
    await engine.mget(['warm']);
    await seen.settle();
    seen.reset();
    const report = await mirror.sync();
    await seen.settle();
    const commands = seen.commands().filter(([name = '']) => !connection.test(name));
    // 10 writes of 50, one look into each index, ids twice, and the report. The walk that completes the index may have begun.
    const own = commands.filter(
      (argv) => !/^(scan|dbsize)$/i.test(argv[0] ?? '') && !argv.some((part) => /:size:|:repair:/.test(part)),
    );
    expect(report.commands).toBe(15);
    expect(own.length).toBeGreaterThanOrEqual(15);
    // How far that walk has come by then depends on the machine; with a look at the keys of others it would be a thousand.
    expect(own.length).toBeLessThan(100);
    expect(await mirror.state()).toMatchObject({ items: 500 });
    expect((await mirror.items({ limit: 1 })).items).toHaveLength(1);
  });

  it('looks for what was lost once the index of the namespace is complete, and prunes it then', async () => {
    await mirror.sync();
    await registry.close();
    const lost = [keys.sourceIndex(source.name), keys.access(source.namespace, 'recency')];
    // And that somebody has repaired the index a moment ago.
    await engine.del([...lost, keys.indexRepair(source.namespace)]);
    open();
    list = list.slice(0, 400);
    await mirror.sync();
    // Nobody knows of the other hundred yet: they are still there, and not pruned blindly.
    expect(await mirror.state()).toMatchObject({ items: 400 });
    expect(await mirror.item('item-450')).not.toBeNull();
    await isComplete();
    expect(await mirror.sync()).toMatchObject({ deleted: 100 });
    expect(await mirror.item('item-450')).toBeNull();
    expect(await mirror.state()).toMatchObject({ items: 400 });
    expect(await mirror.sync()).toMatchObject({ deleted: 0, commands: 12 });
  });

  it('finds at once what was lost where the index of the namespace is complete', async () => {
    await mirror.sync();
    await isComplete();
    await engine.del([keys.sourceIndex(source.name)]);
    list = list.slice(0, 400);
    expect(await mirror.sync()).toMatchObject({ deleted: 100 });
  });
});
