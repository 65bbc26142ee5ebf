import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { steady, useCrashFleet } from './use-crash-fleet.ts';

/** `BLOCKED_RUN=full`: ten minutes of it, with the heartbeats as they are. */
const full = process.env['BLOCKED_RUN'] === 'full';
const times = full ? {} : steady;
/** Of the jobs that keep the loop: as long as that is no fault of theirs. */
const timeoutMs = 1_200_000;
const blockedMs = full ? 600_000 : 4 * Number(steady.TTL_MS);

const test = useCrashFleet();
const gate = (): string => join(mkdtempSync(join(tmpdir(), 'holdfast-gate-')), 'open');

describe('a handler that keeps the event loop of its worker', () => {
  it(
    'runs once, while three workers watch, and so does what runs beside it',
    async () => {
      const { fleet, redis } = test;
      const GATE = gate();
      const workers = await Promise.all([1, 2, 3].map(async () => fleet.spawn({ ...times, GATE })));
      await fleet.add('beside', { ms: 0, gated: true }, { timeoutMs });
      await fleet.untilStarted(1);
      const [owner] = fleet.events('start');
      // Whoever has the other job is to get this one as well.
      const others = workers.filter(({ pid }) => pid !== owner?.pid);
      for (const other of others) other.signal('SIGSTOP');
      await fleet.add('blocks', { ms: 0, blocks: true }, { timeoutMs });
      await fleet.untilStarted(2);
      for (const other of others) other.signal('SIGCONT');
      await delay(blockedMs);
      // Without the thread these would be left to run out.
      if (!full) {
        for (const id of ['beside', 'blocks']) await redis.command('PEXPIRE', fleet.key(`${id}:lock`), '25000');
        await eventually(async () => {
          for (const id of ['beside', 'blocks']) {
            expect(await redis.command('PTTL', fleet.key(`${id}:lock`))).toBeGreaterThan(40_000);
          }
        });
      }
      writeFileSync(GATE, '');
      await fleet.untilCompleted(2);
      expect(fleet.events('start').map(({ pid }) => pid)).toEqual([owner?.pid, owner?.pid]);
      expect(fleet.events('done')).toHaveLength(2);
      for (const id of ['beside', 'blocks']) {
        expect(await fleet.get(id)).toMatchObject({ result: { by: owner?.pid }, attemptsMade: 1 });
        expect(await redis.command('HEXISTS', fleet.key(id), 'hf:crashes')).toBe(0);
      }
    },
    blockedMs + 120_000,
  );

  it('for longer than it may is stuck: that is told, and its job runs elsewhere', async () => {
    const { fleet, redis } = test;
    const [GATE, other] = [gate(), gate()];
    const STUCK = new URL('../fixtures/stuck-loop.ts', import.meta.url).href;
    const owner = await fleet.spawn({ ...steady, GATE, STUCK });
    await fleet.queues.add('crash', { data: { ms: 0, blocks: true }, options: { jobId: 'stuck', timeoutMs: 1000 } });
    await fleet.untilStarted(1);
    const peer = await fleet.spawn({ ...steady, GATE: other });
    await owner.waitForLine(/^stuck crash \d+$/);
    expect(fleet.events('start')).toHaveLength(1);
    await fleet.untilStarted(2);
    expect(await redis.command('HGET', fleet.key('stuck'), 'hf:crashes')).toBe('1');
    writeFileSync(GATE, '');
    await owner.waitForLine(/^freed crash /);
    writeFileSync(other, '');
    await fleet.untilCompleted(1);
    expect(fleet.events('start').map(({ pid }) => pid)).toEqual([owner.pid, peer.pid]);
  });
});

describe('a worker that is stopped for longer than its presence holds', () => {
  const begin = async (): Promise<{
    readonly stopped: { readonly gate: string; readonly node: Awaited<ReturnType<typeof test.fleet.spawn>> };
    readonly peer: { readonly gate: string; readonly node: Awaited<ReturnType<typeof test.fleet.spawn>> };
  }> => {
    const { fleet } = test;
    const [first, second] = [gate(), gate()];
    const stopped = await fleet.spawn({ ...steady, GATE: first });
    await fleet.add('frozen', { ms: 0, gated: true });
    await fleet.untilStarted(1);
    const peer = await fleet.spawn({ ...steady, GATE: second });
    stopped.signal('SIGSTOP');
    await fleet.untilStarted(2);
    return { stopped: { node: stopped, gate: first }, peer: { node: peer, gate: second } };
  };
  const crashes = async (): Promise<unknown> => test.redis.command('HGET', test.fleet.key('frozen'), 'hf:crashes');

  it('is no crash once it is back, and the run that completes first counts: its own', async () => {
    const { fleet } = test;
    const { stopped, peer } = await begin();
    expect(await crashes()).toBe('1');
    stopped.node.signal('SIGCONT');
    await eventually(async () => expect(await crashes()).toBeNull());
    writeFileSync(stopped.gate, '');
    await fleet.untilCompleted(1);
    expect(await fleet.get('frozen')).toMatchObject({ result: { by: stopped.node.pid } });
    await peer.node.waitForLine(/^aborted:JOB_SUPERSEDED frozen/);
  });

  it('or that of its peer; then it is told', async () => {
    const { fleet } = test;
    const { stopped, peer } = await begin();
    stopped.node.signal('SIGCONT');
    await eventually(async () => expect(await crashes()).toBeNull());
    writeFileSync(peer.gate, '');
    await fleet.untilCompleted(1);
    expect(await fleet.get('frozen')).toMatchObject({ result: { by: peer.node.pid } });
    await stopped.node.waitForLine(/^aborted:JOB_SUPERSEDED frozen/);
  });

  it('may complete its job before it has even beaten', async () => {
    const { fleet } = test;
    const { stopped, peer } = await begin();
    writeFileSync(stopped.gate, '');
    stopped.node.signal('SIGCONT');
    await fleet.untilCompleted(1);
    expect(await fleet.get('frozen')).toMatchObject({ result: { by: stopped.node.pid } });
    expect(await crashes()).toBeNull();
    await peer.node.waitForLine(/^aborted:JOB_SUPERSEDED frozen/);
  });

  it('keeps its job where nobody has begun it meanwhile', async () => {
    const { fleet } = test;
    const [GATE, other] = [gate(), gate()];
    const stopped = await fleet.spawn({ ...steady, GATE });
    await fleet.add('frozen', { ms: 0, gated: true });
    await fleet.untilStarted(1);
    await fleet.queues.admin.pause('crash');
    await fleet.spawn({ ...steady, GATE: other });
    stopped.signal('SIGSTOP');
    await eventually(async () => expect(await fleet.get('frozen')).toMatchObject({ state: 'prioritized' }));
    stopped.signal('SIGCONT');
    await eventually(async () => expect(await fleet.get('frozen')).toMatchObject({ state: 'active' }));
    expect(await crashes()).toBeNull();
    await fleet.queues.admin.resume('crash');
    writeFileSync(GATE, '');
    await fleet.untilCompleted(1);
    expect(fleet.events('start')).toHaveLength(1);
  });

  it('and whose job was given up because of that, completes it all the same', async () => {
    const { fleet, redis } = test;
    const GATE = gate();
    const stopped = await fleet.spawn({ ...steady, GATE });
    await fleet.add('frozen', { ms: 0, gated: true });
    await fleet.untilStarted(1);
    // The last but one of its crashes; it says itself that it runs.
    const token = String(await redis.command('GET', fleet.key('frozen:lock')));
    await redis.command('HSET', fleet.key('frozen'), 'hf:crashes', '4', 'hf:run', token);
    await fleet.spawn(steady);
    stopped.signal('SIGSTOP');
    await eventually(async () =>
      expect(await fleet.get('frozen')).toMatchObject({ state: 'failed', error: { code: 'JOB_CRASHED_WORKER' } }),
    );
    stopped.signal('SIGCONT');
    writeFileSync(GATE, '');
    await fleet.untilCompleted(1);
    expect(await fleet.get('frozen')).toMatchObject({ result: { by: stopped.pid }, attemptsMade: 1 });
    expect(await crashes()).toBe('4');
  });
});

describe('a clock that jumps by an hour', () => {
  it.each([3_600_000, -3_600_000])('(%d ms) on a worker changes nothing', async (clockJumpMs) => {
    const { fleet, redis } = test;
    const GATE = gate();
    const owner = await fleet.spawn({ ...steady, GATE });
    await fleet.add('jumps', { ms: 0, gated: true, clockJumpMs });
    await fleet.untilStarted(1);
    await fleet.spawn(steady);
    await redis.command('PEXPIRE', fleet.key('jumps:lock'), '25000');
    await eventually(async () => expect(await redis.command('PTTL', fleet.key('jumps:lock'))).toBeGreaterThan(40_000));
    writeFileSync(GATE, '');
    await fleet.untilCompleted(1);
    expect(fleet.events('start').map(({ pid }) => pid)).toEqual([owner.pid]);
  });

  it.each([3_600_000, -3_600_000])(
    '(%d ms) on Redis neither takes a job from its worker nor leaves one with a dead one',
    async (jumpMs) => {
      const { fleet, redis } = test;
      const GATE = gate();
      const owner = await fleet.spawn({ ...steady, GATE });
      await fleet.add('kept', { ms: 0, gated: true });
      await fleet.untilStarted(1);
      const peer = await fleet.spawn(steady);
      // What was noted before the clock was put forward is an hour old now; before it was put back, an hour ahead.
      const jump = async (): Promise<void> => {
        const presence = fleet.workersKey('hf:presence');
        for (const worker of (await redis.command('ZRANGE', presence, '0', '-1')) as string[]) {
          await redis.command('ZINCRBY', presence, String(-jumpMs), worker);
        }
        for (const field of ['since', 'last']) {
          await redis.command('HINCRBY', fleet.workersKey('hf:pulse'), field, String(-jumpMs));
        }
      };
      await jump();
      await delay(2 * Number(steady.TTL_MS));
      expect(fleet.events('start').map(({ pid }) => pid)).toEqual([owner.pid]);
      await fleet.kill(owner);
      await jump();
      await fleet.untilStarted(2);
      expect(fleet.events('start').map(({ pid }) => pid)).toEqual([owner.pid, peer.pid]);
    },
  );
});
