import { eventually } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import type { AddJob, AddManyItem } from '../../src/index.ts';
import { keysOfQueue, useProxiedOutbox } from './use-proxied-outbox.ts';

describe('many jobs that are added in one call while Redis is away', () => {
  const away = useProxiedOutbox();
  const { open, add, empty } = away;

  /** From then on a job goes to the outbox without being sent. */
  const goAway = async (): Promise<void> => {
    away.proxy.refuse();
    await eventually(async () => expect(await add('last')).toMatchObject({ state: 'outbox' }));
  };
  const jobs = (count: number): AddJob[] =>
    Array.from({ length: count }, (_, n) => ({ data: { n }, options: { jobId: `parcel-${n}` } }));
  const namesOf = (list: readonly AddJob[]): string[] => list.map(({ options }) => options?.jobId ?? '');
  const ids = async (state = 'prioritized'): Promise<string[]> =>
    (await away.redis.command('ZRANGE', keysOfQueue + state, '0', '-1')) as string[];
  const tally = (items: readonly AddManyItem[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { status, state, error } of items) {
      const what = [status, state, (error as { code?: string } | undefined)?.code].filter((part) => part).join(' ');
      counts[what] = (counts[what] ?? 0) + 1;
    }
    return counts;
  };

  it('are on disk in few commits, between which others have their turn, and are forwarded in order, once each', async () => {
    const { queues, outbox } = await open();
    await goAway();
    const before = outbox.commits;
    const order: string[] = [];
    const many = queues.addMany('parcels', jobs(4000));
    const [result] = await Promise.all([
      many.finally(() => order.push('many')),
      add('between').finally(() => order.push('one')),
    ]);
    expect(tally(result.items)).toEqual({ 'accepted outbox': 4000 });
    expect(result).toMatchObject({ accepted: 4000, duplicates: 0, rejected: 0 });
    expect(order).toEqual(['one', 'many']);
    expect(outbox.commits - before).toBeLessThanOrEqual(15);
    expect(outbox.commits - before).toBeGreaterThanOrEqual(4000 / 512);
    away.proxy.pass();
    await empty();
    const forwarded = (await ids()).filter((id) => id.startsWith('parcel-'));
    expect(forwarded).toEqual(namesOf(jobs(4000)));
  });

  it('are one job each when their answers are lost on the way, also when they ran meanwhile', async () => {
    const { queues } = await open();
    await add('before');
    const cut = away.proxy.cutBeforeReply({ matching: 'parcel-60' });
    const adding = queues.addMany('parcels', jobs(250));
    await cut;
    away.proxy.refuse();
    const { items } = await adding;
    expect(tally(items)).toMatchObject({ 'accepted outbox': expect.any(Number) as number });
    expect(items.filter(({ status }) => status !== 'accepted')).toEqual([]);
    const arrived = await ids();
    expect(arrived).toContain('parcel-60');
    // They run, and nothing is kept of them.
    await away.redis.command('DEL', `${keysOfQueue}prioritized`, ...arrived.map((id) => keysOfQueue + id));
    away.proxy.pass();
    await empty();
    const rest = await ids();
    expect(rest.filter((id) => arrived.includes(id))).toEqual([]);
    expect(new Set([...arrived, ...rest])).toEqual(new Set(['before', ...namesOf(jobs(250))]));
  });

  it('do not touch each other: what is wrong is rejected, what is known is a duplicate', async () => {
    const { queues } = await open();
    await goAway();
    const { items, ...counts } = await queues.addMany('parcels', [
      { data: { n: 1 }, options: { jobId: 'a' } },
      { data: { n: 'two' } },
      { data: { n: 3 }, options: { jobId: 'a' } },
      { data: { n: 4 }, options: { jobId: 'last' } },
      { data: { n: 5 }, name: 'named "so"' },
    ]);
    expect(counts).toEqual({ accepted: 2, duplicates: 2, rejected: 1 });
    expect(items).toMatchObject([
      { id: 'a', status: 'accepted', state: 'outbox' },
      { status: 'rejected', error: { code: 'JOB_INVALID' } },
      { id: 'a', status: 'duplicate', state: 'outbox' },
      { id: 'last', status: 'duplicate', state: 'outbox' },
      { status: 'accepted', state: 'outbox' },
    ]);
    const view = { state: 'outbox', name: 'named "so"', data: { n: 5 } };
    expect(await queues.get('parcels', items[4]?.id ?? '')).toMatchObject(view);
    away.proxy.pass();
    await empty();
    expect(await queues.get('parcels', items[4]?.id ?? '')).toMatchObject({ ...view, state: 'prioritized' });
    expect(await queues.get('parcels', 'a')).toMatchObject({ data: { n: 1 } });
  });

  it('are taken as far as there is room, and the others told so one by one', async () => {
    const { queues, outbox } = await open({ maxJobs: 101 });
    await goAway();
    const { items } = await queues.addMany('parcels', jobs(130));
    expect(tally(items)).toEqual({ 'accepted outbox': 100, 'rejected OUTBOX_FULL': 30 });
    expect(items.slice(0, 100).every(({ status }) => status === 'accepted')).toBe(true);
    expect(outbox.status).toMatchObject({ waiting: 101, accepting: false });
  });

  it('are spread from when they were accepted, behind their own delays, however far that is', async () => {
    const { queues } = await open();
    await goAway();
    const yearMs = 365 * 24 * 60 * 60 * 1000;
    const accepted = Date.now();
    await queues.addMany('parcels', [...jobs(3), { data: { n: 3 }, options: { jobId: 'parcel-3', delayMs: yearMs } }], {
      spreadMs: 40_000,
    });
    const acceptedBy = Date.now();
    away.proxy.pass();
    await empty();
    const delayOf = async (id: string): Promise<number[]> =>
      ((await away.redis.command('HMGET', keysOfQueue + id, 'delay', 'timestamp')) as string[]).map(Number);
    const stored = await Promise.all(['parcel-0', 'parcel-1', 'parcel-2', 'parcel-3'].map(delayOf));
    expect(stored.map(([delay]) => delay)).toEqual([0, 10_000, 20_000, 30_000 + yearMs]);
    expect(new Set(stored.map(([, timestamp]) => timestamp)).size).toBe(1);
    expect(stored[0]?.[1]).toBeGreaterThanOrEqual(accepted);
    expect(stored[0]?.[1]).toBeLessThanOrEqual(acceptedBy);
  });

  it('are kept when Redis freezes among them, and the call does not wait for each of its commands', async () => {
    const { queues } = await open({ patienceMs: 1000, commandTimeoutMs: 20_000 });
    await add('before');
    let isFrozen = false;
    const { items } = await queues.addMany('parcels', jobs(2000), {
      onProgress: () => {
        if (!isFrozen) away.redis.pause();
        isFrozen = true;
      },
    });
    // The first command went to Redis; what was not answered any more did not.
    expect(tally(items)['accepted']).toBeGreaterThanOrEqual(50);
    expect(items.filter(({ status }) => status !== 'accepted')).toEqual([]);
    expect(away.opened.outbox.status.waiting).toBeGreaterThan(1000);
    away.redis.resume();
    await empty();
    expect((await ids()).toSorted()).toEqual(['before', ...namesOf(jobs(2000))].toSorted());
  });
});
