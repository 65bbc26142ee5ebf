import { clockInStep, FaultProxy, monitor, startRedis, type Monitor, type RedisServer } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLogger } from '@holdfast/telemetry';
import { startApi, type Api } from './fixture.ts';

/** What is promised of a process of the low-cost profile. */
const COMMANDS_A_MINUTE = 20;
const NOTICED_MS = 15_000;

/** A whole service on a Redis of its own, over real connections. Only its clock is ours. */
describe('an API process that nobody calls', () => {
  let redis: RedisServer;
  let network: FaultProxy;
  let watch: Monitor;
  let api: Api;
  let pass: (ms: number) => Promise<void>;

  beforeEach(async () => {
    redis = await startRedis();
    network = await FaultProxy.listen(redis.url);
    watch = await monitor(redis.url);
    pass = clockInStep((ms) => vi.advanceTimersByTime(ms), [watch]);
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'],
    });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await api.close();
    await watch.stop();
    await network.close();
    await redis.stop();
  });

  async function start(profile: string): Promise<void> {
    api = await startApi({ env: { REDIS_URL: network.url, HOLDFAST_PROFILE: profile } });
    api.runtime.eviction.start(createLogger({ service: 'api', level: 'silent' }));
    const { cache, durable } = api.runtime.engines;
    while (!cache.status.available || !durable.status.available || cache.trackingEpoch === 0) await pass(100);
    // Until what belongs to the start is over.
    await pass(10_000);
  }

  async function commandsIn(ms: number): Promise<number> {
    watch.reset();
    await pass(ms);
    return watch.count();
  }

  test('sends at most 20 commands a minute in the low-cost profile, in each of ten minutes', async () => {
    await start('low-cost');
    const minutes: number[] = [];
    for (let minute = 0; minute < 10; minute += 1) minutes.push(await commandsIn(60_000));
    expect(Math.max(...minutes)).toBeLessThanOrEqual(COMMANDS_A_MINUTE);
    // It does watch, on each of its three connections.
    expect(Math.min(...minutes)).toBeGreaterThanOrEqual(12);
  });

  test('notices within 15 s in the low-cost profile that its Redis is frozen', async () => {
    await start('low-cost');
    network.blackhole();
    await pass(NOTICED_MS);
    const { cache, durable } = api.runtime.engines;
    expect([cache.status.available, durable.status.available, cache.trackingEpoch]).toEqual([false, false, 0]);
  });
});
