import { eventually, FaultProxy } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { targetOf } from './crash-fleet.ts';
import { quick, useCrashFleet } from './use-crash-fleet.ts';

const test = useCrashFleet();
/** In the options of BullMQ's scripts that fetch a job, and of no other command of a worker. */
const fetches = 'lockDuration';
/** It looks for such jobs so seldom, where no link was broken, that no test lives to see it. */
const unwatched = { ...quick, STALLED_MS: '600000' };

describe('a fetch that Redis carried out, and whose reply is lost', () => {
  let proxy: FaultProxy;
  beforeEach(async () => {
    proxy = await FaultProxy.listen(test.redis.url);
  });
  afterEach(async () => proxy.close());

  it('costs its job neither the time of a lock nor one of its lives', async () => {
    const { fleet, redis } = test;
    await fleet.spawn(unwatched, targetOf(proxy));
    await eventually(async () => expect(await redis.command('CLIENT', 'LIST')).toContain('cmd=bzpopmin'));
    const cut = proxy.cutBeforeReply({ matching: fetches });
    await fleet.add('lost', { ms: 1 });
    await cut;
    expect(await fleet.get('lost')).toMatchObject({ state: 'active' });
    expect(fleet.events('start')).toEqual([]);
    await fleet.untilCompleted(1);
    expect(fleet.events('start')).toHaveLength(1);
    expect(await redis.command('HEXISTS', fleet.key('lost'), 'hf:crashes')).toBe(0);
  });

  it('that handed in another job leaves that one done', async () => {
    const { fleet } = test;
    const node = await fleet.spawn({ ...unwatched, CONCURRENCY: '1' }, targetOf(proxy));
    await fleet.add('first', { ms: 2500 });
    await fleet.add('next', { ms: 1 });
    await fleet.untilStarted(1);
    await proxy.cutBeforeReply({ matching: fetches });
    await fleet.untilCompleted(2);
    const starts = fleet.events('start');
    expect(starts.map(({ id }) => id)).toEqual(['first', 'next']);
    expect(await fleet.get('first')).toMatchObject({ result: { by: node.pid }, attemptsMade: 1 });
  });
});
