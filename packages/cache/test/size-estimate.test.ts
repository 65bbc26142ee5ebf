import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { eventually, indexLoad, monitor, type RedisServer, startRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CacheRegistry } from '../src/index.ts';
import { calm } from './engines.ts';

const { others, waitMs } = indexLoad();
const PER_CALL = 5000;

describe('the size of a namespace, in a process that has just begun', () => {
  const keys = createKeys('estimate');
  let server: RedisServer;
  const engines: RedisEngine[] = [];
  beforeAll(async () => {
    server = await startRedis();
    // In Redis itself, so that it takes no time: a quarter of the keys is of the namespace.
    const fill = `for i = tonumber(ARGV[2]), tonumber(ARGV[2]) + tonumber(ARGV[3]) - 1 do
      redis.call('SET', (i % 4 == 0 and ARGV[1] or 'other:') .. i, 'HF1') end return 1`;
    for (let base = 0; base < others; base += PER_CALL) {
      await server.command('EVAL', fill, '0', keys.cachePrefix('ns'), String(base), String(PER_CALL));
    }
  });
  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.close()));
    await server.stop();
  });
  const open = async (): Promise<CacheRegistry> => {
    const engine = createEngine({
      name: 'size',
      ...calm,
      target: { kind: 'standalone', host: server.host, port: server.port },
    });
    engines.push(engine);
    await engine.time();
    return new CacheRegistry({ engine, keys, namespaces: { ns: { ttlMs: null } } });
  };

  test('is estimated at once, told as that, and then counted by one process for all', async () => {
    const [one, two] = [await open(), await open()];
    const seen = await monitor(server.url);
    const first = await one.get('ns').size();
    expect(first?.isEstimate).toBe(true);
    expect(first?.entries).toBeGreaterThan(others / 8);
    expect(first?.entries).toBeLessThan(others / 2);
    expect(Math.abs((first?.countedAt ?? 0) - Date.now())).toBeLessThan(60_000);
    await eventually(
      async () => expect(await one.get('ns').size()).toMatchObject({ entries: others / 4, isEstimate: false }),
      { timeoutMs: waitMs },
    );
    expect(one.get('ns').stats()).toMatchObject({ size: others / 4, sizeIsEstimate: false });
    // The last that a count does.
    await eventually(() =>
      expect(seen.commands()).toContainEqual([expect.stringMatching(/unlink/i), keys.sizes('claim')]),
    );
    await seen.settle();
    seen.reset();
    // What the other has counted, with one command.
    expect(await two.get('ns').size()).toMatchObject({ entries: others / 4, isEstimate: false });
    await seen.settle();
    expect(seen.commands().filter((argv) => argv.some((part) => part.startsWith('estimate:')))).toEqual([
      [expect.stringMatching(/mget/i), keys.sizes('counts')],
    ]);
    expect(seen.count('scan')).toBe(0);
    await seen.stop();
    await Promise.all([one.close(), two.close()]);
  });

  test('costs 6 commands and those of a claim to begin with', async () => {
    await server.command('DEL', keys.sizes('counts'));
    const registry = await open();
    const seen = await monitor(server.url, {
      where: ({ argv }) => !/ping|time|client|info|hello/i.test(argv[0] ?? ''),
    });
    await registry.get('ns').size();
    await registry.close();
    await seen.settle();
    expect(seen.count('dbsize')).toBeLessThanOrEqual(2);
    // 5 of the sample, and what the walk had looked at when it was ended.
    expect(seen.count('scan')).toBeLessThanOrEqual(7);
    await seen.stop();
    expect(await engines[0]?.mget([keys.sizes('claim')])).toEqual([null]);
  });

  test('is told to somebody who only watches without a walk or a repair: what was counted of late, else an estimate', async () => {
    const engine = createEngine({
      name: 'size',
      ...calm,
      target: { kind: 'standalone', host: server.host, port: server.port },
    });
    engines.push(engine);
    const namespaces = { ns: { ttlMs: null }, few: { ttlMs: null, maxEntries: 100 } };
    const writer = new CacheRegistry({ engine, keys, namespaces });
    for (let at = 0; at < 3; at += 1) await writer.get('few').set(`key ${at}`, at);
    // The index knows all of them once somebody who uses the namespace has begun its repair.
    await eventually(async () => expect((await writer.get('few').size())?.isEstimate).toBe(false), {
      timeoutMs: waitMs,
    });
    await writer.close();
    await server.command('DEL', keys.sizes('counts'));
    const registry = new CacheRegistry({ engine, keys, namespaces });
    const seen = await monitor(server.url, {
      where: ({ argv }) => !/ping|time|client|info|hello/i.test(argv[0] ?? ''),
    });
    const sizes = await registry.glanceAtSizes(300_000);
    expect(sizes.get('few')?.entries).toBe(3);
    const estimate = sizes.get('ns');
    expect(estimate?.isEstimate).toBe(true);
    expect(estimate?.entries).toBeGreaterThan(others / 8);
    await seen.settle();
    expect(seen.count('scan')).toBe(5);
    // No claim of a walk: what was estimated, and nothing else, is written.
    expect(seen.commands().filter(([name = '']) => /^set$/i.test(name))).toEqual([
      expect.arrayContaining([keys.sizes('counts')]),
    ]);
    seen.reset();
    // Another process, or this one, within the time: what the first has found, and the index.
    expect((await registry.glanceAtSizes(300_000)).get('ns')).toEqual(estimate);
    await seen.settle();
    expect(seen.count('scan')).toBe(0);
    expect(seen.commands()).toHaveLength(2);
    await seen.stop();
    await registry.close();
  });
});
