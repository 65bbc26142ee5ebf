import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  clockInStep,
  eventually,
  FaultProxy,
  monitor,
  spawnNode,
  startRedis,
  startUpstashRest,
  type Monitor,
  type RedisServer,
} from '@holdfast/testing';
import { createLogger } from '@holdfast/telemetry';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
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

  async function start(env: Readonly<Record<string, string>>): Promise<void> {
    api = await startApi({ env });
    const logger = createLogger({ service: 'api', level: 'silent' });
    api.runtime.eviction.start(logger);
    api.runtime.folders?.start(logger);
    const { cache, durable } = api.runtime.engines;
    const isTold = (): boolean => !cache.tracksReads || cache.trackingEpoch !== 0;
    while (!cache.status.available || !durable.status.available || !isTold()) await pass(100);
    // Until what belongs to the start is over.
    await pass(10_000);
  }

  /** In each of so many minutes. */
  async function commandsAMinute(minutes: number): Promise<number[]> {
    const counts: number[] = [];
    for (let minute = 0; minute < minutes; minute += 1) {
      watch.reset();
      await pass(60_000);
      counts.push(watch.count());
    }
    return counts;
  }

  const lowCost = (): Record<string, string> => ({ REDIS_URL: network.url, HOLDFAST_PROFILE: 'low-cost' });

  test('sends at most 20 commands a minute in the low-cost profile', async () => {
    await start(lowCost());
    // The policy of eviction is looked at every ten minutes.
    const minutes = await commandsAMinute(11);
    expect(Math.max(...minutes)).toBeLessThanOrEqual(COMMANDS_A_MINUTE);
    // It does watch, on each of its three connections.
    expect(Math.min(...minutes)).toBeGreaterThanOrEqual(12);
  });

  test('sends next to nothing in upstash mode, where the low-cost profile need not be asked for', async () => {
    const rest = await startUpstashRest(redis.url);
    const { url, token } = rest;
    await start({
      REDIS_URL: '',
      UPSTASH_REDIS_REST_URL: url,
      UPSTASH_REDIS_REST_TOKEN: token,
      QUEUE_REDIS_URL: redis.url,
    });
    expect(api.config.profile).toBe('low-cost');
    const minutes = await commandsAMinute(3);
    await rest.stop();
    expect(Math.max(...minutes)).toBeLessThanOrEqual(COMMANDS_A_MINUTE);
  });

  test('notices within 15 s in the low-cost profile that its Redis is frozen', async () => {
    await start(lowCost());
    network.blackhole();
    await pass(NOTICED_MS);
    const { cache, durable } = api.runtime.engines;
    expect([cache.status.available, durable.status.available, cache.trackingEpoch]).toEqual([false, false, 0]);
  });
});

/** `IDLE_RUN=full`: a whole minute. Otherwise so much of it as shows whether anything is sent every few seconds. */
const windowMs = process.env['IDLE_RUN'] === 'full' ? 60_000 : 5000;

describe('the process of the API, with nothing of it left out and its clock as it is,', () => {
  test('sends at most 20 commands a minute in the low-cost profile', async () => {
    const redis = await startRedis();
    const node = spawnNode(new URL('../src/server.ts', import.meta.url), {
      cwd: mkdtempSync(join(tmpdir(), 'holdfast-idle-')),
      execArgs: ['--conditions=@holdfast/source'],
      env: { PORT: '0', HEALTH_PORT: '0', REDIS_URL: redis.url, HOLDFAST_PROFILE: 'low-cost' },
    });
    const watch = await monitor(redis.url);
    await node.waitForLine(/"ready"/);
    await eventually(() => expect(watch.commands().flat()).toContain('REDIRECT'));
    await watch.settle();
    watch.reset();
    const startedAt = performance.now();
    await delay(windowMs);
    await watch.settle();
    const minutes = (performance.now() - startedAt) / 60_000;
    console.log(`${watch.count()} commands in ${Math.round(minutes * 60)} s`);
    // In a part of a minute each of those who send something now and then may have its turn: three connections, the note of the folder.
    expect(watch.count()).toBeLessThanOrEqual(
      minutes < 1 ? 5 + COMMANDS_A_MINUTE * minutes : COMMANDS_A_MINUTE * minutes,
    );
    await node.kill('SIGTERM');
    await watch.stop();
    await redis.stop();
  });
});
