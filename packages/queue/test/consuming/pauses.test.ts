import { eventually, FaultProxy } from '@holdfast/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { targetOf } from './crash-fleet.ts';
import { full, quick, steady, useCrashFleet } from './use-crash-fleet.ts';

const test = useCrashFleet();

describe('a pause of Redis', () => {
  // Short: the presence of all workers runs out during the pause, as with the defaults in one of 12 s.
  const cases = full
    ? [6000, 12_000, 30_000].map((pauseMs) => ({ pauseMs, jobMs: 15_000, env: {} }))
    : [{ pauseMs: 2000, jobMs: 4000, env: quick }];

  it.each(cases)('of $pauseMs ms re-runs nothing', async ({ pauseMs, jobMs, env }) => {
    const { fleet, redis } = test;
    await Promise.all([fleet.spawn(env), fleet.spawn(env)]);
    for (let n = 0; n < 10; n += 1) await fleet.add(`job-${n}`, { ms: jobMs });
    await fleet.untilStarted(10);
    redis.pause();
    await delay(pauseMs);
    redis.resume();
    await fleet.untilCompleted(10);
    // What would run twice would have begun by now: nothing is active, and nothing waits.
    const [starts, ends] = [fleet.events('start').length, fleet.events('done').length];
    console.log(`pause of ${pauseMs} ms: ${starts} starts, ${ends} ends`);
    expect([starts, ends]).toEqual([10, 10]);
    expect(fleet.events().filter(({ what }) => what.startsWith('aborted'))).toEqual([]);
  });
});

describe('a lock that runs out', () => {
  it('is taken anew while nobody else has the job', async () => {
    const { fleet, redis } = test;
    const node = await fleet.spawn(quick);
    await fleet.add('unlocked', { ms: 4000 });
    await fleet.untilStarted(1);
    const lock = fleet.key('unlocked:lock');
    const token = await redis.command('GET', lock);
    await redis.command('DEL', lock);
    await eventually(async () => expect(await redis.command('GET', lock)).toBe(token));
    await fleet.untilCompleted(1);
    expect(fleet.events().map(({ what, pid }) => [what, pid])).toEqual([
      ['start', node.pid],
      ['done', node.pid],
    ]);
  });
});

describe('a Redis that is killed and started again', () => {
  it('loses nothing that was acknowledged, and the workers go on by themselves', async () => {
    const { fleet, redis } = test;
    await Promise.all([fleet.spawn(quick), fleet.spawn(quick)]);
    for (let n = 0; n < 40; n += 1) await fleet.add(`job-${n}`, { ms: 300 });
    await fleet.untilStarted(10);
    await redis.restart();
    await fleet.untilCompleted(40);
    const ids = new Set(fleet.events('done').map(({ id }) => id));
    expect(ids.size).toBe(40);
  });
});

describe('a worker that nobody can reach', () => {
  it('shares its jobs with its peers; the first result counts, and the other run is told so', async () => {
    const { fleet, redis } = test;
    const proxy = await FaultProxy.listen(redis.url);
    const cut = await fleet.spawn(steady, targetOf(proxy));
    await fleet.add('polite', { ms: 60_000 });
    await fleet.add('stubborn', { ms: 3000, stubborn: true });
    await fleet.untilStarted(2);
    proxy.drop();
    const peer = await fleet.spawn({ ...steady, PACE: '0.05' });
    await fleet.untilStarted(4);
    // It goes on alone, and comes to an end.
    await cut.waitForLine(/^done stubborn/);
    await fleet.untilCompleted(2);
    proxy.pass();
    proxy.resetAll();
    await cut.waitForLine(/^aborted:JOB_SUPERSEDED polite/);
    for (const id of ['polite', 'stubborn']) {
      expect(await fleet.queues.get('crash', id)).toMatchObject({ result: { by: peer.pid }, attemptsMade: 1 });
    }
    await proxy.close();
  });
});
