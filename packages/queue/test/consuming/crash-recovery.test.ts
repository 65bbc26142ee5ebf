import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, Latch } from '@holdfast/testing';
import { Worker } from 'bullmq';
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { consumerProfiles, defaultMaxCrashes } from '../../src/port/consumer-tuning.ts';
import type { LeftJob } from './crash-fleet.ts';
import { full, quick, useCrashFleet } from './use-crash-fleet.ts';

const test = useCrashFleet();
/** Its jobs take a hundredth of the time that they took where they were left. */
const brisk = { ...quick, PACE: '0.01' };

describe('workers that are killed', () => {
  const [kills, perKill] = full ? [20, 50] : [3, 60];

  it(
    `lose none of ${kills * perKill} jobs at ${kills} kills, and each runs again`,
    async () => {
      const { fleet } = test;
      await Promise.all([fleet.spawn(), fleet.spawn(), fleet.spawn()]);
      const victims: (LeftJob & { readonly at: number })[] = [];
      for (let round = 0; round < kills; round += 1) {
        const ids = Array.from({ length: perKill }, (_, n) => `${round}-${n}`);
        await Promise.all(ids.map(async (id) => fleet.add(id, { ms: randomInt(20, 120) })));
        // At any moment: also while nothing has begun, and when all is nearly done.
        await delay(randomInt(0, 250));
        const node = fleet.processes[randomInt(fleet.processes.length)];
        if (node === undefined) throw new Error('nobody is left');
        const at = Date.now();
        for (const left of await fleet.kill(node)) {
          if (!victims.some(({ token, id }) => token === left.token && id === left.id)) victims.push({ ...left, at });
        }
        await fleet.spawn();
      }
      await eventually(
        async () => {
          // First, as it says why.
          expect((await fleet.queues.admin.list('crash', { state: 'failed' })).jobs).toEqual([]);
          expect(await fleet.counts()).toMatchObject({ completed: kills * perKill, failed: 0, active: 0 });
        },
        { intervalMs: 100 },
      );
      const starts = fleet.events('start');
      const duplicates = starts.length - new Set(starts.map(({ id }) => id)).size;
      const begun = victims.filter(({ hadBegun }) => hadBegun).length;
      expect(duplicates).toBeLessThanOrEqual(begun);
      // One that was fetched again, and whose next process was killed before it could begin, waits from then on.
      const waits = victims.map(({ id, at }) => {
        const next = [...starts, ...victims].filter((other) => other.id === id && other.at > at);
        return Math.min(...next.map((other) => other.at)) - at;
      });
      console.log(
        `${kills} kills: ${begun} jobs in flight, ${duplicates} run twice, back after ${Math.min(...waits)} to ${Math.max(...waits)} ms`,
      );
      // What is promised, for a run on request, on a machine that does nothing else.
      if (full) expect(Math.max(0, ...waits)).toBeLessThanOrEqual(10_000);
    },
    full ? 300_000 : 120_000,
  );

  it('are given up for a job that kills them, and only for that one', async () => {
    const { fleet, redis } = test;
    for (const n of [1, 2, 3, 4]) await fleet.add(`neighbour-${n}`, { ms: 400 });
    await fleet.add('poison', { ms: 1, poison: true });
    await fleet.add('late', { ms: 1 });
    for (let crashes = 0; crashes < defaultMaxCrashes; crashes += 1) {
      const node = await fleet.spawn(quick);
      expect(await node.exited).toEqual({ code: null, signal: 'SIGKILL' });
    }
    await fleet.spawn(quick);
    await eventually(async () => expect(await fleet.counts()).toMatchObject({ completed: 5, failed: 1 }));
    expect(await fleet.get('poison')).toMatchObject({
      state: 'failed',
      error: {
        code: 'JOB_CRASHED_WORKER',
        message: `The worker died ${defaultMaxCrashes} times while it ran this job, the maxCrashes of its queue.`,
      },
    });
    expect(fleet.events('start').filter(({ id }) => id === 'poison')).toHaveLength(defaultMaxCrashes);

    // Redriven, it has all its lives again.
    await Promise.all(fleet.processes.map(async (node) => node.kill('SIGKILL')));
    expect(await fleet.queues.redrive('crash', { ids: ['poison'] })).toMatchObject({ redriven: 1 });
    expect(await redis.command('HEXISTS', fleet.key('poison'), 'hf:crashes')).toBe(0);
  });

  it('leave jobs on their last life, of which one waits for its turn and takes nobody the place for that', async () => {
    const { fleet, redis } = test;
    const GATE = join(mkdtempSync(join(tmpdir(), 'holdfast-last-')), 'open');
    const node = await fleet.spawn({ ...quick, CONCURRENCY: '2' });
    for (const id of ['last-1', 'last-2']) await fleet.add(id, { ms: 0, gated: true });
    await fleet.untilStarted(2);
    await fleet.kill(node);
    for (const id of ['last-1', 'last-2']) await redis.command('HSET', fleet.key(id), 'hf:crashes', '3');
    await fleet.spawn({ ...quick, CONCURRENCY: '2', GATE });
    await fleet.untilStarted(3);
    await eventually(async () => expect(await fleet.counts()).toMatchObject({ active: 1, delayed: 1 }));
    for (let n = 0; n < 3; n += 1) await fleet.add(`other-${n}`, { ms: 10 });
    await eventually(async () => expect(await fleet.counts()).toMatchObject({ completed: 3 }));
    expect(fleet.events('start').filter(({ id }) => id.startsWith('last'))).toHaveLength(3);
    writeFileSync(GATE, '');
    await fleet.untilCompleted(5);
    for (const id of ['last-1', 'last-2']) {
      expect(await fleet.get(id)).toMatchObject({ attemptsMade: 1 });
      expect(await redis.command('HGET', fleet.key(id), 'hf:crashes')).toBe('4');
    }
  });

  it('come back themselves for what they left', async () => {
    const { fleet } = test;
    await fleet.add('left', { ms: 60_000 });
    const node = await fleet.spawn(quick);
    await fleet.untilStarted(1);
    expect(await fleet.kill(node)).toMatchObject([{ id: 'left' }]);
    await fleet.spawn(brisk);
    await eventually(async () => expect(await fleet.get('left')).toMatchObject({ state: 'completed' }));
    expect(fleet.events('start')).toHaveLength(2);
  });

  it('are known again by peers when their presence was lost', async () => {
    const { fleet, redis } = test;
    await fleet.add('unknown', { ms: 60_000 });
    const node = await fleet.spawn(quick);
    await fleet.untilStarted(1);
    expect(await fleet.kill(node)).toMatchObject([{ id: 'unknown' }]);
    await redis.command('DEL', fleet.workersKey('hf:presence'), fleet.workersKey('hf:serves'));
    await fleet.spawn(brisk);
    await eventually(async () => expect(await fleet.get('unknown')).toMatchObject({ state: 'completed' }));
  });

  it('are noticed as soon by a peer that watches less closely itself', async () => {
    const { fleet } = test;
    const node = await fleet.spawn(quick);
    await fleet.add('watched', { ms: 60_000 });
    await fleet.untilStarted(1);
    await fleet.spawn({ HEARTBEAT_MS: '5000', TTL_MS: '1800000' });
    expect(await fleet.kill(node)).toMatchObject([{ id: 'watched' }]);
    // At the latest at its next heartbeat it knows when the other is due; by its own measure that is after half an hour.
    await fleet.untilStarted(2);
  });

  it(
    'leave jobs that run again within 90 s in the low-cost profile',
    async () => {
      const { fleet } = test;
      const { heartbeatMs, ttlMs } = consumerProfiles['low-cost'].presence;
      // A presence lasts so long, and those who are to notice its end hear of it with their next heartbeat.
      expect(ttlMs + heartbeatMs).toBeLessThanOrEqual(80_000);
      const faster = full ? 1 : 20;
      const frugal = { HEARTBEAT_MS: String(heartbeatMs / faster), TTL_MS: String(ttlMs / faster) };
      const node = await fleet.spawn(frugal);
      await fleet.add('left', { ms: 60_000 });
      await fleet.untilStarted(1);
      await fleet.spawn({ ...frugal, PACE: '0.01' });
      const killedAt = Date.now();
      expect(await fleet.kill(node)).toMatchObject([{ id: 'left' }]);
      await eventually(async () => expect(await fleet.get('left')).toMatchObject({ state: 'completed' }), {
        timeoutMs: 120_000,
      });
      const waitMs = (fleet.events('start').at(-1)?.at ?? Infinity) - killedAt;
      console.log(`low-cost, ${faster} times as fast: runs again after ${waitMs} ms`);
      if (full) expect(waitMs).toBeLessThanOrEqual(90_000);
    },
    full ? 200_000 : 120_000,
  );

  it('do not touch the jobs of a plain BullMQ worker', async () => {
    const { fleet, redis } = test;
    const mayEnd = new Latch();
    const plain = new Worker('crash', async () => mayEnd.wait(), {
      connection: { host: '127.0.0.1', port: redis.port },
      prefix: 'holdfast:jobs:{crash}',
    });
    await fleet.add('plain', { ms: 1 });
    await eventually(async () => expect(await fleet.get('plain')).toMatchObject({ state: 'active' }));
    await fleet.spawn(quick);
    // Longer than it would wait for one of its own kind.
    await eventually(async () => {
      const [since, last] = (await redis.command('HMGET', fleet.workersKey('hf:pulse'), 'since', 'last')) as string[];
      expect(Number(last) - Number(since)).toBeGreaterThan(2 * Number(quick.TTL_MS));
    });
    mayEnd.open();
    await eventually(async () => expect(await fleet.get('plain')).toMatchObject({ state: 'completed' }));
    expect(fleet.events('start')).toEqual([]);
    await plain.close();
  });
});
