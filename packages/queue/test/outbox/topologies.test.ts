import { setTimeout as delay } from 'node:timers/promises';
import type { RedisTarget } from '@holdfast/redis-core';
import { eventually, startCluster, startSentinel, type RedisServer } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import type { AddJob } from '../../src/index.ts';
import { openQueues, temporaryFolder, type OpenedOutbox } from './fixture.ts';

/** The jobs that were answered, by where they were then. */
interface Acknowledged {
  readonly outbox: Set<string>;
  readonly queue: Set<string>;
}

/** Callers that add all the time, each job under an id of its own, alone and many in one call, until `until`. */
async function addUntil(until: Promise<unknown>, { queues }: OpenedOutbox): Promise<Acknowledged> {
  const acknowledged = { outbox: new Set<string>(), queue: new Set<string>() };
  const over = new AbortController();
  const ending = until.finally(() => over.abort());
  let n = 0;
  const job = (): AddJob => ({ data: { n }, options: { jobId: `parcel-${(n += 1)}` } });
  const alone = async (): Promise<void> => {
    const { id, state } = await queues.add('parcels', job());
    acknowledged[state === 'outbox' ? 'outbox' : 'queue'].add(id);
  };
  const together = async (): Promise<void> => {
    const { items } = await queues.addMany('parcels', [job(), job(), job()]);
    for (const { id = '', status, state } of items) {
      expect(status).toBe('accepted');
      acknowledged[state ?? 'queue'].add(id);
    }
  };
  const caller = async (add: () => Promise<void>): Promise<void> => {
    while (!over.signal.aborted) {
      await add();
      await delay(30);
    }
  };
  await Promise.all([caller(alone), caller(alone), caller(together), ending]);
  return acknowledged;
}

/** How often each job was added, as the queue's own stream of events tells it. */
async function addsOf(server: RedisServer): Promise<Map<string, number>> {
  const stream = await server.command('XRANGE', 'holdfast:jobs:{parcels}:parcels:events', '-', '+');
  const counts = new Map<string, number>();
  for (const [, fields] of stream as [string, string[]][]) {
    const id = fields[fields.indexOf('jobId') + 1] ?? '';
    if (fields.includes('added')) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** @param failOver ends the master of the queue and resolves with the one that took over */
async function expectOneJobEach(target: RedisTarget, failOver: () => Promise<RedisServer>): Promise<void> {
  const folder = temporaryFolder();
  const opened = await openQueues({ directory: folder.path, target, commandTimeoutMs: 1000, patienceMs: 750 });
  const expectDirect = async (): Promise<void> =>
    eventually(async () => {
      const { state } = await opened.queues.add('parcels', { data: { n: 0 } });
      expect(state).toBe('prioritized');
    });
  try {
    await expectDirect();
    const promoted = failOver();
    const { outbox, queue } = await addUntil(promoted, opened);
    await eventually(() => expect(opened.outbox.status).toMatchObject({ waiting: 0, setAside: 0 }));
    // Otherwise nothing was shown.
    expect(outbox.size).toBeGreaterThan(20);
    expect(queue.size).toBeGreaterThan(0);
    const adds = await addsOf(await promoted);
    expect([...outbox].filter((id) => adds.get(id) !== 1)).toEqual([]);
    expect([...adds].filter(([, count]) => count > 1)).toEqual([]);
    await expectDirect();
  } finally {
    await opened.queues.close();
    folder.remove();
  }
}

describe('jobs that are added while a replica takes over', () => {
  it.concurrent('behind sentinels go to the outbox, and are one job each on the new master', async () => {
    const sentinel = await startSentinel();
    try {
      const { addresses: sentinels, masterName } = sentinel;
      await expectOneJobEach({ kind: 'sentinel', sentinels, masterName }, () => sentinel.failover());
    } finally {
      await sentinel.stop();
    }
  });

  it.concurrent('in a cluster likewise, when the master of their queue is lost', async () => {
    const cluster = await startCluster();
    try {
      const failOver = async (): Promise<RedisServer> => cluster.failover(await cluster.masterOf('{parcels}'));
      await expectOneJobEach({ kind: 'cluster', nodes: cluster.addresses }, failOver);
    } finally {
      await cluster.stop();
    }
  });
});
