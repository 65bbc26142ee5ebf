import { eventually, FaultProxy } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { targetOf } from './crash-fleet.ts';
import { quick, rare, useCrashFleet } from './use-crash-fleet.ts';

const test = useCrashFleet();

const untilHeard = async (workers: number): Promise<void> => {
  const { fleet, redis } = test;
  const channel = fleet.key('hf:cancel');
  await eventually(async () => expect(await redis.command('PUBSUB', 'NUMSUB', channel)).toEqual([channel, workers]));
};

describe('cancelling a job that runs in another process', () => {
  it('tells it at once, and nobody else', async () => {
    const { fleet } = test;
    await Promise.all([fleet.spawn({ ...rare, CONCURRENCY: '1' }), fleet.spawn({ ...rare, CONCURRENCY: '1' })]);
    for (const id of ['wanted', 'unwanted']) await fleet.add(id, { ms: 60_000 });
    await fleet.untilStarted(2);
    expect(await fleet.queues.cancel('crash', 'unwanted', 'not any more')).toBe('active');
    await eventually(async () => {
      expect(await fleet.get('unwanted')).toMatchObject({
        state: 'failed',
        error: { code: 'JOB_CANCELLED', message: 'not any more' },
      });
    });
    expect(await fleet.get('wanted')).toMatchObject({ state: 'active' });
  });

  it('costs a worker no connection more', async () => {
    const { fleet, redis } = test;
    await fleet.spawn(rare);
    await untilHeard(1);
    const clients = String(await redis.command('CLIENT', 'LIST')).split('\n');
    const subscribers = clients.filter((line) => / sub=[1-9]/.test(line));
    expect(subscribers).toEqual([expect.stringMatching(/ name=holdfast:consumer .* resp=3/)]);
    expect(clients.filter((line) => line.includes('name=holdfast:consumer '))).toHaveLength(1);
  });

  it('still does after Redis was killed and started again', async () => {
    const { fleet, redis } = test;
    await fleet.spawn(rare);
    await fleet.add('survivor', { ms: 60_000 });
    await fleet.untilStarted(1);
    await redis.restart();
    await untilHeard(1);
    // The one that cancels was cut off as well.
    await eventually(async () => expect(await fleet.queues.cancel('crash', 'survivor')).toBe('active'));
    await eventually(async () => expect(await fleet.get('survivor')).toMatchObject({ state: 'failed' }));
  });

  it('tells it when its worker comes back, if it was said while that was cut off', async () => {
    const { fleet, redis } = test;
    const proxy = await FaultProxy.listen(redis.url);
    await fleet.spawn(rare, targetOf(proxy));
    await fleet.add('unreachable', { ms: 60_000 });
    await fleet.untilStarted(1);
    proxy.refuse();
    await untilHeard(0);
    expect(await fleet.queues.cancel('crash', 'unreachable')).toBe('active');
    proxy.pass();
    await eventually(async () => expect(await fleet.get('unreachable')).toMatchObject({ state: 'failed' }));
    await proxy.close();
  });

  it('tells it with the next heartbeat where Redis lets nobody listen', async () => {
    const { fleet, redis } = test;
    await redis.command('ACL', 'SETUSER', 'default', 'resetchannels');
    await fleet.spawn(quick);
    await fleet.add('unheard', { ms: 60_000 });
    await fleet.untilStarted(1);
    expect(await fleet.queues.cancel('crash', 'unheard')).toBe('active');
    await eventually(async () => expect(await fleet.get('unheard')).toMatchObject({ state: 'failed' }));
  });
});
