import {
  eventually,
  type RedisCluster,
  type RedisSentinel,
  startCluster,
  startSentinel,
  startTlsRedis,
  type TlsRedis,
  uniquePrefix,
} from '@holdfast/testing';
import type { RedisTarget } from '@holdfast/redis-core';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues, type QueueBackend } from '../../src/index.ts';
import { describeQueueBackend } from '../port/describe-queue-backend.ts';
import { describeListing } from '../operating/describe-listing.ts';
import { describeWatching } from '../operating/describe-watching.ts';
import { describeAddMany } from '../producing/describe-add-many.ts';
import { describeAddingOnce } from '../producing/describe-adding-once.ts';
import { describeSchedules } from '../schedules/describe-schedules.ts';

/** What is no test of an outage waits for a busy machine. */
const backendOn = (target: RedisTarget, commandTimeoutMs = 10_000): QueueBackend =>
  createRedisBackend({ target, keyPrefix: uniquePrefix('jobs'), commandTimeoutMs });

describe('a cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(async () => cluster.stop());

  const create = async (): Promise<QueueBackend> => backendOn({ kind: 'cluster', nodes: cluster.addresses });

  describeQueueBackend('redis cluster', create);
  describeAddingOnce('redis cluster', create);
  describeAddMany('redis cluster', create);
  describeListing('redis cluster', create);
  describeWatching('redis cluster', create);
  describeSchedules('redis', create);

  it('forgets the markers of a queue in one command', async () => {
    const backend = await create();
    const handle = backend.open('once');
    const job = (n: number) => ({
      id: `job-${n}`,
      name: 'once',
      data: {},
      options: { priority: 10 },
      once: { token: `call-${n}`, ttlMs: 60_000 },
    });
    const add = async (): Promise<unknown[]> => {
      const replies = await handle.addMany([job(1), job(2)]);
      await handle.call((queue) => queue.obliterate({ force: true }));
      return replies.map((reply) => (reply instanceof Error ? reply : reply.existed));
    };
    expect(await add()).toEqual([false, false]);
    expect(await add()).toEqual([true, true]);
    await handle.forget(['call-1', 'call-2', 'never-there']);
    expect(await add()).toEqual([false, false]);
    await backend.close();
  });
});

describe('TLS with a client certificate', () => {
  let redis: TlsRedis;
  beforeAll(async () => {
    redis = await startTlsRedis();
  });
  afterAll(async () => redis.stop());

  it('adds and runs jobs', async () => {
    const { host, port, serverName, certificates } = redis;
    const tls = { ca: certificates.ca, ...certificates.client, serverName };
    await expectJobsToRun({ kind: 'standalone', host, port, tls });
  });
});

describe('a failover', () => {
  it('of a master behind sentinels loses no acknowledged job that its replica had', async () => {
    const sentinel: RedisSentinel = await startSentinel();
    try {
      const { addresses, masterName } = sentinel;
      const target = { kind: 'sentinel', sentinels: addresses, masterName } as const;
      await expectJobsToRun(target, async () => {
        await sentinel.failover();
      });
    } finally {
      await sentinel.stop();
    }
  });

  it('of the master of a queue in a cluster likewise', async () => {
    const cluster = await startCluster();
    try {
      await expectJobsToRun({ kind: 'cluster', nodes: cluster.addresses }, async () => {
        await cluster.failover(await cluster.masterOf('{topology}'));
      });
    } finally {
      await cluster.stop();
    }
  });
});

/** Jobs that were added before and after `disturb` all run. */
async function expectJobsToRun(target: RedisTarget, disturb?: () => Promise<void>): Promise<void> {
  const definition = defineQueue({
    name: 'topology',
    description: 'For the test of topologies.',
    payload: Type.Object({ n: Type.Integer() }),
    attempts: 3,
    timeoutMs: 10_000,
    retention: { completed: {}, failed: {} },
    concurrency: 5,
  });
  const backend = backendOn(target, 3000);
  const queues = new Queues({ backend, definitions: [definition] });
  const ran = new Set<number>();
  const consumer = new Consumer({
    backend,
    definition,
    handler: async ({ data }) => {
      ran.add(data.n);
    },
  });
  try {
    const acknowledged: number[] = [];
    const add = async (n: number): Promise<void> => {
      await queues.add('topology', { data: { n }, options: { jobId: `job-${n}` } });
      acknowledged.push(n);
    };
    for (let n = 0; n < 20; n += 1) await add(n);
    if (disturb !== undefined) {
      await disturb();
      await eventually(async () => add(100));
    }
    await consumer.start();
    for (let n = 20; n < 40; n += 1) await add(n);
    await eventually(() => expect([...ran].toSorted((a, b) => a - b)).toEqual(acknowledged.toSorted((a, b) => a - b)));
  } finally {
    await consumer.close({ timeoutMs: 2000 });
    await queues.close();
  }
}
