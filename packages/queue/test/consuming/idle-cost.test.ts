import { eventually, monitor, startRedis, type Monitor, type RedisServer } from '@holdfast/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Consumer,
  consumerProfiles,
  createRedisBackend,
  defineQueue,
  Queues,
  type ConsumerProfile,
} from '../../src/index.ts';

/** `IDLE_RUN=full`: whole minutes with the profiles as they are. Otherwise everything happens so many times as fast. */
const full = process.env['IDLE_RUN'] === 'full';
const faster = full ? 1 : 20;
const windowMs = 60_000 / faster;

const definition = defineQueue({
  name: 'idle',
  description: 'Nothing happens here.',
  payload: Type.Object({}),
  attempts: 1,
  timeoutMs: 1000,
  concurrency: 5,
  retention: { completed: {}, failed: {} },
  schedule: { everyMs: 3_600_000 },
});

describe('an idle worker', () => {
  let redis: RedisServer;
  let watch: Monitor;
  let queues: Queues;
  let consumer: Consumer | undefined;
  beforeEach(async () => {
    redis = await startRedis();
    watch = await monitor(redis.url);
  });
  afterEach(async () => {
    await consumer?.close({ timeoutMs: 3000 });
    await queues.close();
    await watch.stop();
    await redis.stop();
  });

  async function commandsPerMinute(profile: ConsumerProfile): Promise<number> {
    const target = { kind: 'standalone', host: '127.0.0.1', port: redis.port } as const;
    const backend = createRedisBackend({ target });
    queues = new Queues({ backend, definitions: [definition] });
    await queues.ensureSchedules();
    const { presence, blockSeconds, stalledIntervalMs } = consumerProfiles[profile];
    const tuning = {
      presence: { heartbeatMs: presence.heartbeatMs / faster, ttlMs: presence.ttlMs / faster },
      blockSeconds: blockSeconds / faster,
      stalledIntervalMs: stalledIntervalMs / faster,
    };
    const counted = new Consumer({ backend, definition, handler: async () => undefined, tuning });
    consumer = counted;
    await consumer.start();
    await eventually(() => expect(watch.count('bzpopmin')).toBeGreaterThan(0));
    await watch.settle();
    watch.reset();
    const startedAt = performance.now();
    await delay(windowMs);
    await watch.settle();
    // On a busy machine the window is longer than it was meant to be.
    const windows = (performance.now() - startedAt) / windowMs;
    const byName = new Map<string, number>();
    for (const [name = ''] of watch.commands()) byName.set(name, (byName.get(name) ?? 0) + 1);
    console.log(`${profile}: ${watch.count()} commands a minute`, Object.fromEntries(byName));
    return watch.count() / windows;
  }

  it('of the low-cost profile sends at most 10 commands a minute, with a schedule and its presence', async () => {
    expect(await commandsPerMinute('low-cost')).toBeLessThanOrEqual(10);
  });

  it('of the default profile sends at most 50', async () => {
    expect(await commandsPerMinute('default')).toBeLessThanOrEqual(50);
  });
});
