import { eventually, FaultProxy, startRedis, type RedisServer } from '@holdfast/testing';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrashFleet } from './crash-fleet.ts';

/** `CRASH_RUN=full`: as much as the promise says, which takes minutes. */
const full = process.env['CRASH_RUN'] === 'full';
const quick = { HEARTBEAT_MS: '300', TTL_MS: '900' };
/** Also where processes get their turn late. */
const steady = { HEARTBEAT_MS: '500', TTL_MS: '1500' };

let redis: RedisServer;
let fleet: CrashFleet;
beforeEach(async () => {
  redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  fleet = new CrashFleet(redis);
});
afterEach(async () => {
  await fleet.close();
  await redis.stop();
});

const add = async (jobId: string, data: object): Promise<void> =>
  void (await fleet.queues.add('crash', { data, options: { jobId } }));
const untilStarted = async (count: number): Promise<void> =>
  eventually(() => expect(fleet.events('start').length).toBeGreaterThanOrEqual(count), { timeoutMs: 20_000 });
const untilCompleted = async (completed: number, timeoutMs: number): Promise<void> =>
  eventually(
    async () => expect(await fleet.counts()).toMatchObject({ completed, active: 0, failed: 0, prioritized: 0 }),
    { timeoutMs, intervalMs: 50 },
  );

describe('a pause of Redis', () => {
  // Short: the presence of all workers runs out during the pause, as with the defaults in one of 12 s.
  const cases = full
    ? [6000, 12_000, 30_000].map((pauseMs) => ({ pauseMs, jobMs: 15_000, env: {} }))
    : [{ pauseMs: 2000, jobMs: 4000, env: quick }];

  it.each(cases)('of $pauseMs ms re-runs nothing', { timeout: 120_000 }, async ({ pauseMs, jobMs, env }) => {
    await Promise.all([fleet.spawn(env), fleet.spawn(env)]);
    for (let n = 0; n < 10; n += 1) await add(`job-${n}`, { ms: jobMs });
    await untilStarted(10);
    redis.pause();
    await delay(pauseMs);
    redis.resume();
    await untilCompleted(10, 2 * jobMs + 20_000);
    // What would run twice would have begun by now: nothing is active, and nothing waits.
    const [starts, ends] = [fleet.events('start').length, fleet.events('done').length];
    console.log(`pause of ${pauseMs} ms: ${starts} starts, ${ends} ends`);
    expect([starts, ends]).toEqual([10, 10]);
    expect(fleet.events().filter(({ what }) => what.startsWith('aborted'))).toEqual([]);
  });
});

describe('a lock that runs out', () => {
  it('is taken anew while nobody else has the job', { timeout: 30_000 }, async () => {
    const node = await fleet.spawn(quick);
    await add('unlocked', { ms: 1500 });
    await untilStarted(1);
    const lock = fleet.key('unlocked:lock');
    const token = await redis.command('GET', lock);
    await redis.command('DEL', lock);
    await eventually(async () => expect(await redis.command('GET', lock)).toBe(token));
    await untilCompleted(1, 10_000);
    expect(fleet.events().map(({ what, pid }) => [what, pid])).toEqual([
      ['start', node.pid],
      ['done', node.pid],
    ]);
  });
});

describe('a Redis that is killed and started again', () => {
  it('loses nothing that was acknowledged, and the workers go on by themselves', { timeout: 60_000 }, async () => {
    await Promise.all([fleet.spawn(quick), fleet.spawn(quick)]);
    for (let n = 0; n < 40; n += 1) await add(`job-${n}`, { ms: 300 });
    await untilStarted(10);
    await redis.restart();
    await untilCompleted(40, 30_000);
    const ids = new Set(fleet.events('done').map(({ id }) => id));
    expect(ids.size).toBe(40);
  });
});

describe('a worker that nobody can reach', () => {
  it('loses its jobs to its peers, is told so, and its results do not count', { timeout: 60_000 }, async () => {
    const proxy = await FaultProxy.listen(redis.url);
    const cut = await fleet.spawn({ ...steady, PORT: String(proxy.port) });
    await add('polite', { ms: 12_000 });
    await add('stubborn', { ms: 3000, stubborn: true });
    await untilStarted(2);
    proxy.drop();
    const peer = await fleet.spawn({ ...steady, PACE: '0.2' });
    await untilStarted(4);
    // It goes on alone, and comes to an end.
    await cut.waitForLine(/^done stubborn/, { timeoutMs: 10_000 });
    proxy.pass();
    proxy.resetAll();
    await cut.waitForLine(/^aborted:JOB_LOCK_LOST polite/, { timeoutMs: 10_000 });
    await untilCompleted(2, 20_000);
    for (const id of ['polite', 'stubborn']) {
      expect(await fleet.queues.get('crash', id)).toMatchObject({ result: { by: peer.pid }, attemptsMade: 1 });
    }
    await proxy.close();
  });

  it('because its event loop is blocked: likewise', { timeout: 60_000 }, async () => {
    const blocked = await fleet.spawn({ ...steady, BLOCK_MS: '4000' });
    await add('slow', { ms: 12_000 });
    await untilStarted(1);
    const peer = await fleet.spawn({ ...steady, PACE: '0.2' });
    blocked.signal('SIGUSR2');
    await blocked.waitForLine(/^aborted:JOB_LOCK_LOST slow/, { timeoutMs: 15_000 });
    await untilCompleted(1, 20_000);
    expect(await fleet.queues.get('crash', 'slow')).toMatchObject({ result: { by: peer.pid }, attemptsMade: 1 });
  });
});
