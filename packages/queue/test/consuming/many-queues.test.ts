import { eventually, monitor, startRedis, type Monitor, type RedisServer } from '@holdfast/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Consumer, consumerProfiles, createRedisBackend, defineQueue, Permits, Queues } from '../../src/index.ts';

const count = 100;
/** Everything happens so many times as fast as by default. */
const faster = 10;
const windowMs = 3000;

const definitions = Array.from({ length: count }, (_, n) =>
  defineQueue({
    name: `q${n}`,
    description: 'One of many.',
    payload: Type.Object({}),
    attempts: 1,
    timeoutMs: 10_000,
    concurrency: 10,
    retention: { completed: {}, failed: {} },
  }),
);

describe('a process with 100 queues', () => {
  let redis: RedisServer;
  let watch: Monitor;
  let queues: Queues;
  const consumers: Consumer[] = [];
  const ran: string[] = [];
  const connections = async (): Promise<number> =>
    // The connection that asks is one of them.
    Number(/connected_clients:(\d+)/.exec(String(await redis.command('INFO', 'clients')))?.[1]) - 1;

  beforeAll(async () => {
    redis = await startRedis();
    watch = await monitor(redis.url);
    const backend = createRedisBackend({ target: { kind: 'standalone', host: redis.host, port: redis.port } });
    queues = new Queues({ backend, definitions });
    const { presence, blockSeconds, stalledIntervalMs } = consumerProfiles.default;
    const tuning = {
      presence: { heartbeatMs: presence.heartbeatMs / faster, ttlMs: presence.ttlMs },
      blockSeconds: blockSeconds / faster,
      stalledIntervalMs: stalledIntervalMs / faster,
    };
    const permits = new Permits(20);
    for (const definition of definitions) {
      const handler = async (): Promise<void> => void ran.push(definition.name);
      const consumer = new Consumer({ backend, definition, handler, permits, tuning });
      consumers.push(consumer);
      await consumer.start();
    }
    await eventually(() => {
      const blocked = watch.commands().filter(([name]) => name?.toLowerCase() === 'bzpopmin');
      expect(new Set(blocked.map(([, key]) => key)).size).toBe(count);
    });
  });
  afterAll(async () => {
    await Promise.all(consumers.map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
    await queues.close();
    await watch.stop();
    await redis.stop();
  });

  it('has one connection a queue that blocks, and shares all else', async () => {
    // One for those who add, one for the workers, one for their heartbeats; MONITOR has two of its own.
    expect(await connections()).toBeLessThanOrEqual(count + 3 + 2);
  });

  it('sends at most 20 commands a second while nothing happens', async () => {
    await watch.settle();
    watch.reset();
    const startedAt = performance.now();
    await delay(windowMs);
    await watch.settle();
    const seconds = (performance.now() - startedAt) / 1000;
    expect(watch.count() / seconds / faster).toBeLessThanOrEqual(20);
  });

  it('is summed up in one command a queue, without CLIENT LIST', async () => {
    watch.reset();
    const summaries = await queues.summaries();
    await watch.settle();
    expect(summaries.map(({ workers }) => workers)).toEqual(definitions.map(() => 1));
    expect(watch.count('client')).toBe(0);
    const readings = watch.withInner().filter(({ inner }) => inner.some(([name]) => name === 'LINDEX'));
    // In one window of a few milliseconds others ask as well.
    expect(readings.length).toBe(count);
  });

  it('runs the jobs of each', async () => {
    for (const { name } of definitions) await queues.add(name, { data: {} });
    await eventually(() => expect(ran.toSorted()).toEqual(definitions.map(({ name }) => name).toSorted()));
  });

  it('ends its connections with its queues', async () => {
    await Promise.all(consumers.splice(0, 60).map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
    await queues.add('q99', { data: {} });
    await eventually(() => expect(ran.filter((name) => name === 'q99')).toHaveLength(2));
    await Promise.all(consumers.splice(0).map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
    await queues.close();
    await eventually(async () => expect(await connections()).toBe(2));
  });
});
