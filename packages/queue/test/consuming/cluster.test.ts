import { eventually, startCluster, type RedisCluster } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CrashFleet } from './crash-fleet.ts';
import { rare, steady } from './use-crash-fleet.ts';

describe('workers on a cluster', () => {
  let cluster: RedisCluster;
  let fleet: CrashFleet;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(async () => cluster.stop());
  beforeEach(() => {
    fleet = new CrashFleet({ kind: 'cluster', nodes: cluster.addresses });
  });
  afterEach(async () => fleet.close());

  it('take over what one of them held that was killed', async () => {
    const dead = await fleet.spawn(steady);
    for (const id of ['held-1', 'held-2', 'held-3']) await fleet.add(id, { ms: 60_000 });
    await fleet.untilStarted(3);
    const peer = await fleet.spawn({ ...steady, PACE: '0.01' });
    const held = await fleet.kill(dead);
    expect(held.map(({ id }) => id).toSorted()).toEqual(['held-1', 'held-2', 'held-3']);
    await fleet.untilStarted(6);
    for (const { pid } of fleet.events('start').slice(3)) expect(pid).toBe(peer.pid);
    await fleet.untilCompleted(3);
    // All that the rescue touches is in the slot of the queue.
    const master = await cluster.masterOf('{crash}');
    expect(await master.command('HGET', fleet.key('held-1'), 'hf:crashes')).toBe('1');
  });

  it('are told at once of a job that was cancelled, whichever node they listen to', async () => {
    const channel = fleet.key('hf:cancel');
    const ask = async (...command: string[]): Promise<unknown[]> =>
      Promise.all(cluster.nodes.map(async (node) => node.command(...command)));
    const untilHeard = async (): Promise<void> =>
      eventually(async () => {
        const replies = (await ask('PUBSUB', 'NUMSUB', channel)) as [string, number][];
        expect(replies.reduce((sum, [, count]) => sum + count, 0)).toBe(1);
      });
    await fleet.spawn(rare);
    for (const id of ['unwanted', 'unwanted-either']) {
      await fleet.add(id, { ms: 60_000 });
      await fleet.untilStarted(id === 'unwanted' ? 1 : 2);
      await untilHeard();
      expect(await fleet.queues.cancel('crash', id)).toBe('active');
      await eventually(async () => expect(await fleet.get(id)).toMatchObject({ error: { code: 'JOB_CANCELLED' } }));
      // The client listens on a connection of its own, to any of the nodes; this one is lost.
      await ask('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
  });
});
