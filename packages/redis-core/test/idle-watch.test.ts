import {
  clockInStep,
  FaultProxy,
  monitor,
  type Monitor,
  type RedisCluster,
  type RedisServer,
  startCluster,
  startRedis,
} from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { IoredisEngine } from '../src/engines/ioredis.ts';
import { createEngine, type RedisEngine } from '../src/index.ts';

/** What is promised of an engine that nobody uses. */
const NOTICED_MS = 15_000;
const options = { name: 'idle', idleProbeIntervalMs: 13_000, trackingHeartbeatMs: 14_000 };

/** Real connections, on a clock that is set by the test. Each connection can be broken by itself. */
describe('an engine that tracks reads and is asked nothing', () => {
  let server: RedisServer;
  let watch: Monitor;
  let commands: FaultProxy;
  let invalidations: FaultProxy;
  let engine: IoredisEngine;
  let pass: (ms: number) => Promise<void>;
  let heard: (string | null)[];

  beforeAll(async () => {
    server = await startRedis();
    watch = await monitor(server.url);
  });
  afterAll(async () => {
    await watch.stop();
    await server.stop();
  });
  beforeEach(async () => {
    commands = await FaultProxy.listen(server.url);
    invalidations = await FaultProxy.listen(server.url);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
    pass = clockInStep((ms) => vi.advanceTimersByTime(ms), [watch]);
    const [target, beside] = [commands, invalidations].map(
      ({ host, port }) => ({ kind: 'standalone', host, port }) as const,
    );
    if (target === undefined || beside === undefined) throw new Error('There are two ways.');
    engine = new IoredisEngine({ ...options, target }, beside);
    heard = [];
    engine.onInvalidate((keys) => heard.push(...(keys ?? [null])));
    while (engine.trackingEpoch === 0) await pass(100);
    await engine.mget(['kept']);
    await pass(30_000);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await engine.close();
    await Promise.all([commands.close(), invalidations.close()]);
  });

  test('is asked by itself ten or eleven times a minute, and takes nothing for lost meanwhile', async () => {
    const epoch = engine.trackingEpoch;
    watch.reset();
    await pass(600_000);
    expect(watch.count('time')).toBeLessThanOrEqual(47);
    expect(watch.count('ping')).toBeLessThanOrEqual(51);
    expect(watch.count()).toBe(watch.count('time') + watch.count('ping'));
    expect(engine.trackingEpoch).toBe(epoch);
    expect(heard).toEqual([]);
  });

  test('knows within 15 s that nobody would tell it of a change: the connection for that is dead', async () => {
    invalidations.blackhole();
    await server.command('SET', 'kept', 'otherwise');
    await pass(NOTICED_MS);
    expect(engine.trackingEpoch).toBe(0);
    expect(heard).toEqual([null]);
    expect(engine.status.available).toBe(true);
  });

  test('knows within 15 s that its Redis does not answer, and that nothing it keeps is current', async () => {
    commands.blackhole();
    await pass(NOTICED_MS);
    expect(engine.status.available).toBe(false);
    expect(engine.trackingEpoch).toBe(0);
    expect(heard).toEqual([null]);
  });

  test('fails the first call to a Redis that has frozen within a second, as one that watches closely does', async () => {
    commands.blackhole();
    await pass(5000);
    expect(engine.status.available).toBe(true);
    const call = engine.get('kept').catch((error: unknown) => error);
    await pass(1000);
    expect(engine.status.available).toBe(false);
    expect(await call).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  });
});

describe('an engine of a cluster that is asked nothing', () => {
  let cluster: RedisCluster;
  let watches: Monitor[];
  let engine: RedisEngine;
  let pass: (ms: number) => Promise<void>;

  beforeEach(async () => {
    cluster = await startCluster();
    const masters = await cluster.masters();
    watches = await Promise.all(
      masters.map(async ({ url }) => monitor(url, { where: ({ argv }) => argv[0] === 'time' })),
    );
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
    pass = clockInStep((ms) => vi.advanceTimersByTime(ms), watches);
    engine = createEngine({ ...options, target: { kind: 'cluster', nodes: cluster.addresses } });
    while (!engine.status.available) await pass(100);
    await pass(30_000);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await engine.close();
    await Promise.all(watches.map(async (watch) => watch.stop()));
    await cluster.stop();
  });

  test('asks each master four or five times a minute', async () => {
    for (const watch of watches) watch.reset();
    await pass(300_000);
    for (const watch of watches) expect(watch.count()).toBeLessThanOrEqual(24);
    for (const watch of watches) expect(watch.count()).toBeGreaterThanOrEqual(20);
  });
});
