import { eventually, freePort, monitor, spawnNode } from '@holdfast/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createRedisBackend, Permits, Queues } from '../../src/index.ts';
import { crash } from '../fixtures/crash-queue.ts';
import { quick, useCrashFleet } from './use-crash-fleet.ts';

const test = useCrashFleet();

describe('SIGTERM', () => {
  it('lets jobs end that can, hands back those that cannot, and leaves none active', async () => {
    const { fleet, redis } = test;
    const node = await fleet.spawn({ CLOSE_MS: '2500' });
    for (const id of ['short-1', 'short-2']) await fleet.add(id, { ms: 1200 });
    // These would end long after the test.
    for (const id of ['long-1', 'long-2', 'deaf']) await fleet.add(id, { ms: 600_000, stubborn: id === 'deaf' });
    await fleet.add('waiting', { ms: 1 });
    await fleet.untilStarted(5);
    expect(await node.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await fleet.counts()).toMatchObject({ completed: 2, active: 0, prioritized: 4, failed: 0 });
    // The worker is gone for good, not merely silent.
    expect(await redis.command('EXISTS', fleet.workersKey('hf:presence'))).toBe(0);
    expect(fleet.events('start')).toHaveLength(5);
  });

  it('while Redis is away ends in time, and no job stays behind once Redis is back', async () => {
    const { fleet, redis } = test;
    const node = await fleet.spawn({ ...quick, CLOSE_MS: '2000' });
    for (const id of ['a', 'b', 'c']) await fleet.add(id, { ms: 3000 });
    await fleet.untilStarted(3);
    await redis.kill();
    expect((await node.kill('SIGTERM')).signal).toBeNull();
    await redis.start();
    await fleet.spawn(quick);
    await eventually(async () => expect(await fleet.counts()).toMatchObject({ completed: 3, active: 0, failed: 0 }));
  });
});

describe('a program that closes its consumer while Redis is away', () => {
  it('ends, as nothing of it waits on', async () => {
    const PORT = String(await freePort());
    const program = spawnNode(new URL('../fixtures/ending-program.ts', import.meta.url), { env: { PORT } });
    await program.waitForLine(/^closed$/);
    expect(await program.exited).toEqual({ code: 0, signal: null });
  });
});

describe('a Redis whose memory is full', () => {
  it('is asked again at a slackening pace, and served when it has room', async () => {
    const { fleet, redis } = test;
    await fleet.add('held-up', { ms: 1 });
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    const watch = await monitor(redis.url);
    const target = { kind: 'standalone', host: '127.0.0.1', port: redis.port } as const;
    const backend = createRedisBackend({ target });
    const queues = new Queues({ backend, definitions: [crash] });
    // Without the rest of a consumer, which would not even ask for a job that it could not be rescued from.
    const control = {
      workerId: 'hf6000.full',
      permits: new Permits(),
      beforeFetch: async () => undefined,
      onCancelled: () => undefined,
      onLockMissing: () => undefined,
      onReconnected: () => undefined,
      mayRescueStalled: () => true,
      claim: async () => 'own' as const,
    };
    const worker = backend.createWorker('crash', async () => 'ran', {}, control);
    const running = worker.run();
    await eventually(() => expect(worker.lastFetchAt).not.toBeNull());
    const startedAt = performance.now();
    await delay(2000);
    await watch.settle();
    // BullMQ's own loop sends thousands.
    const seconds = (performance.now() - startedAt) / 1000;
    expect(watch.count() / seconds).toBeLessThan(60);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await queues.get('crash', 'held-up', { waitMs: 30_000 })).toMatchObject({
      state: 'completed',
      result: 'ran',
    });
    await worker.close();
    await running;
    await queues.close();
    await watch.stop();
  });
});
