import { eventually, spawnNode, startRedis, type RedisServer, type SpawnedNode } from '@holdfast/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRedisBackend, Queues } from '../../src/index.ts';
import { clockedQueue } from '../fixtures/clocked-queue.ts';
import { targetOf } from './crash-fleet.ts';

const file = new URL('../fixtures/clocked-worker.ts', import.meta.url);
const queue = clockedQueue.name;

describe.each([
  ['ten minutes ahead', 600_000],
  ['ten minutes behind', -600_000],
])('a worker whose clock is %s', (_clock, aheadMs) => {
  let redis: RedisServer;
  let queues: Queues<readonly [typeof clockedQueue]>;
  let worker: SpawnedNode | undefined;

  beforeEach(async () => {
    redis = await startRedis();
    queues = new Queues({ backend: createRedisBackend({ target: targetOf(redis) }), definitions: [clockedQueue] });
  });
  afterEach(async () => {
    await worker?.kill();
    await queues.close();
    await redis.stop();
  });

  const start = async (env: Readonly<Record<string, string>> = {}): Promise<SpawnedNode> => {
    worker = spawnNode(file, { env: { TARGET: JSON.stringify(targetOf(redis)), AHEAD_MS: String(aheadMs), ...env } });
    await worker.waitForLine(/^ready/);
    return worker;
  };
  const runs = (id: string): number[] =>
    (worker?.lines ?? []).filter((line) => line.startsWith(`ran ${id} `)).map((line) => Number(line.split(' ')[2]));

  it('runs a delayed job at its time, and does not ask all the while', async () => {
    const addedAt = Date.now();
    await queues.add(queue, { data: {}, options: { jobId: 'soon', delayMs: 3000 } });
    await queues.add(queue, { data: {}, options: { jobId: 'late', delayMs: 3_600_000 } });
    await start();
    const asked = async (): Promise<number> => {
      const calls = /cmdstat_evalsha:calls=(\d+)/.exec(String(await redis.command('INFO', 'commandstats')));
      return Number(calls?.[1] ?? 0);
    };
    const before = await asked();
    await delay(1500);
    expect((await asked()) - before).toBeLessThan(60);
    await eventually(() => expect(runs('soon')).toHaveLength(1));
    expect(runs('soon')[0]).toBeGreaterThanOrEqual(addedAt + 3000);
    expect(runs('late')).toEqual([]);
    const job = await queues.get(queue, 'soon');
    expect(Date.parse(job?.startedAt ?? '')).toBeGreaterThan(addedAt);
    expect(Date.parse(job?.startedAt ?? '')).toBeLessThanOrEqual(Date.now());
  });

  it('retries after the wait of the queue', async () => {
    await queues.add(queue, { data: { fails: true }, options: { jobId: 'twice' } });
    await start();
    await eventually(() => expect(runs('twice')).toHaveLength(2));
    const [first = 0, second = 0] = runs('twice');
    expect(second - first).toBeGreaterThanOrEqual(990);
  });

  it('neither expires a job that is in time, nor removes one before its time', async () => {
    await queues.add(queue, { data: {}, options: { jobId: 'first', waitingTtlMs: 300_000 } });
    await start();
    await eventually(async () => expect(await queues.get(queue, 'first')).toMatchObject({ state: 'completed' }));
    await queues.add(queue, { data: {}, options: { jobId: 'second', waitingTtlMs: 300_000 } });
    await eventually(async () => expect(await queues.get(queue, 'second')).toMatchObject({ state: 'completed' }));
    // A sweep has begun after both.
    await redis.command('DEL', `holdfast:jobs:{${queue}}:${queue}:holdfast:sweep`);
    await eventually(async () =>
      expect(await redis.command('EXISTS', `holdfast:jobs:{${queue}}:${queue}:holdfast:sweep`)).toBe(1),
    );
    expect(await queues.get(queue, 'first')).toMatchObject({ state: 'completed' });
  });

  it('declares a schedule whose runs come at their times', async () => {
    const startedAt = Date.now();
    await start({ PATTERN: '*/2 * * * * *' });
    const ids = (): string[] => (worker?.lines ?? []).flatMap((line) => /^ran (repeat:\S+)/.exec(line)?.[1] ?? []);
    await eventually(() => expect(ids().length).toBeGreaterThanOrEqual(3));
    for (const id of ids()) {
      const dueAt = Number(id.split(':')[2]);
      expect(dueAt % 2000).toBe(0);
      expect(dueAt).toBeGreaterThan(startedAt);
      expect(runs(id)[0]).toBeGreaterThanOrEqual(dueAt);
      // Not by a clock that is minutes away.
      expect(runs(id)[0]).toBeLessThan(dueAt + 60_000);
    }
  });
});
