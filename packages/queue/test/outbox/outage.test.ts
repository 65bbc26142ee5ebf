import { eventually, startRedis, type RedisServer } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Consumer } from '../../src/index.ts';
import { definition, openQueues, temporaryFolder, type OpenedOutbox, type OpenOptions } from './fixture.ts';

/** Where Redis answers or is gone: longer than any test waits, so that what is answered did not wait for a deadline. */
const patient = { commandTimeoutMs: 600_000, patienceMs: 600_000 };
const impatient = { commandTimeoutMs: 400, patienceMs: 750 };

describe('jobs that are added while Redis is away', () => {
  let redis: RedisServer;
  let folder = temporaryFolder();
  let opened: OpenedOutbox | undefined;

  const open = async (port = redis.port, options: Partial<OpenOptions> = {}): Promise<OpenedOutbox> =>
    (opened = await openQueues({ directory: folder.path, port, ...patient, ...options }));
  const add = async (n: number, jobId?: string) =>
    (opened as OpenedOutbox).queues.add('parcels', {
      data: { n },
      ...(jobId !== undefined && { options: { jobId } }),
    });
  const ids = async (state = 'prioritized'): Promise<string[]> =>
    (await redis.command('ZRANGE', `holdfast:jobs:{parcels}:parcels:${state}`, '0', '-1')) as string[];
  const empty = async (): Promise<void> =>
    eventually(() => expect(opened?.outbox.status).toMatchObject({ waiting: 0, bytes: 0, oldestAgeMs: 0 }));

  beforeAll(async () => {
    redis = await startRedis({ args: ['--appendonly', 'yes'] });
  });
  afterEach(async () => {
    redis.resume();
    await opened?.queues.close();
    opened = undefined;
    folder.remove();
    folder = temporaryFolder();
    // One that was just started may still load its data.
    await eventually(async () => redis.command('FLUSHALL'));
  });
  afterAll(async () => redis.stop());

  it('go to the queue as long as it is there, and leave no marker behind', async () => {
    await open();
    expect(await add(1, 'there')).toMatchObject({ id: 'there', state: 'prioritized', duplicate: false });
    expect(await add(1, 'there')).toMatchObject({ duplicate: true, state: 'prioritized' });
    await eventually(async () => expect(await redis.command('KEYS', '*:once:*')).toEqual([]));
  });

  it('are on disk when they are acknowledged, and arrive in their order, once each', async () => {
    const { queues } = await open();
    await add(0, 'first');
    await redis.kill();
    await eventually(async () => expect(await add(1, 'parcel-0000')).toMatchObject({ state: 'outbox' }));
    const names = Array.from({ length: 1000 }, (_, n) => `parcel-${String(n).padStart(4, '0')}`);
    const results = await Promise.all(names.slice(1).map(async (name, n) => add(n, name)));
    expect(results.filter(({ state, duplicate }) => state !== 'outbox' || duplicate)).toEqual([]);
    expect(opened?.outbox.status).toMatchObject({ waiting: 1000, accepting: true });
    expect(await queues.get('parcels', 'parcel-0007')).toMatchObject({ state: 'outbox', data: { n: 6 } });
    await redis.start();
    await empty();
    expect(await ids()).toEqual(['first', ...names]);
    expect(await add(1, 'direct')).toMatchObject({ state: 'prioritized' });
    // The first one may have been in flight as Redis died: its marker stays, because it may still arrive.
    const markers = async (): Promise<number> => ((await redis.command('KEYS', '*:once:*')) as string[]).length;
    await eventually(async () => expect(await markers()).toBeLessThanOrEqual(1));
  });

  it('share commits', async () => {
    await open();
    await add(0, 'first');
    await redis.kill();
    await eventually(async () => expect(await add(1)).toMatchObject({ state: 'outbox' }));
    const before = opened?.outbox.commits ?? 0;
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(Array.from({ length: 64 }, async (_, n) => add(n)));
    }
    expect((opened?.outbox.commits ?? 0) - before).toBe(10);
    await redis.start();
    await empty();
  });

  it('become one job when they were in flight as Redis froze, and those behind them do not wait', async () => {
    const { queues } = await open(redis.port, impatient);
    await add(0, 'before');
    redis.pause();
    const inFlight = await Promise.all([add(1, 'in-flight-1'), add(2, 'in-flight-2')]);
    expect(inFlight).toMatchObject([{ state: 'outbox' }, { state: 'outbox' }]);
    expect(await add(3, 'behind')).toMatchObject({ state: 'outbox' });
    expect(await queues.get('parcels', 'behind')).toMatchObject({ state: 'outbox' });
    redis.resume();
    await empty();
    expect(await ids()).toEqual(['before', 'in-flight-1', 'in-flight-2', 'behind']);
  });

  it('are answered long before the time-out of a frozen Redis, which gets to them all the same, once', async () => {
    await open(redis.port, { ...impatient, commandTimeoutMs: 600_000 });
    await add(0, 'before');
    redis.pause();
    expect(await Promise.all([add(1, 'slow-1'), add(2, 'slow-2')])).toMatchObject([
      { state: 'outbox', duplicate: false },
      { state: 'outbox', duplicate: false },
    ]);
    redis.resume();
    await empty();
    expect(await ids()).toEqual(['before', 'slow-1', 'slow-2']);
  });

  it('wait for a Redis that takes no writes, as one does in the middle of a failover', async () => {
    await open();
    await add(0, 'before');
    await redis.command('REPLICAOF', '127.0.0.1', '1');
    expect(await add(1, 'during')).toMatchObject({ state: 'outbox' });
    expect(opened?.outbox.status.reason).toMatch(/READONLY/);
    await redis.command('REPLICAOF', 'NO', 'ONE');
    await empty();
    expect(await ids()).toEqual(['before', 'during']);
  });

  it('are followed by a wait from the outbox to their end', async () => {
    const { queues, backend } = await open();
    await add(0, 'before');
    const consumer = new Consumer({
      backend,
      definition,
      handler: async ({ data }) => ({ got: data.n }),
    });
    await consumer.start();
    await redis.kill();
    await eventually(async () => expect(await add(7, 'awaited')).toMatchObject({ state: 'outbox' }));
    const [short, whole] = [
      queues.get('parcels', 'awaited', { waitMs: 30 }),
      queues.get('parcels', 'awaited', { waitMs: 30_000 }),
    ];
    expect(await short).toMatchObject({ state: 'outbox' });
    await redis.start();
    expect(await whole).toMatchObject({ state: 'completed', result: { got: 7 } });
    await consumer.close({ timeoutMs: 2000 });
  });

  it('are one job under one id, whether it is in the outbox or was in the queue before', async () => {
    await open();
    await add(0, 'known');
    await redis.kill();
    await eventually(async () => expect(await add(1, 'twice')).toMatchObject({ state: 'outbox', duplicate: false }));
    expect(await add(2, 'twice')).toEqual({ id: 'twice', queue: 'parcels', state: 'outbox', duplicate: true });
    expect(await add(3, 'known')).toMatchObject({ state: 'outbox', duplicate: false });
    await redis.start();
    await empty();
    expect(await ids()).toEqual(['known', 'twice']);
    const { queues } = opened as OpenedOutbox;
    expect(await queues.get('parcels', 'known')).toMatchObject({ data: { n: 0 } });
    expect(await queues.get('parcels', 'twice')).toMatchObject({ data: { n: 1 } });
  });

  it('are refused as ever when they are wrong', async () => {
    const { queues } = await open();
    await redis.kill();
    const wrong = queues.add('parcels', { data: { n: 'one' } });
    await expect(wrong).rejects.toMatchObject({ code: 'JOB_INVALID', status: 422 });
    await expect(queues.add('none', { data: {} })).rejects.toMatchObject({ code: 'QUEUE_UNKNOWN', status: 404 });
    await expect(add(1, 'a:b')).rejects.toMatchObject({ code: 'JOB_OPTIONS_INVALID', status: 400 });
    expect(opened?.outbox.status).toMatchObject({ waiting: 0 });
    await redis.start();
  });

  it('can be removed as long as they were not sent', async () => {
    const { queues, outbox } = await open(redis.port, impatient);
    await add(0, 'before');
    redis.pause();
    expect(await add(1, 'in-flight')).toMatchObject({ state: 'outbox' });
    expect(await add(2, 'unsent')).toMatchObject({ state: 'outbox' });
    await expect(queues.admin.remove('parcels', 'in-flight')).rejects.toMatchObject({
      code: 'JOB_STATE_CONFLICT',
      status: 409,
    });
    await expect(queues.admin.retry('parcels', 'unsent')).rejects.toMatchObject({
      code: 'JOB_STATE_CONFLICT',
      status: 409,
    });
    expect(await queues.admin.remove('parcels', 'unsent')).toBe(true);
    expect(outbox.status).toMatchObject({ waiting: 1 });
    redis.resume();
    await empty();
    expect(await ids()).toEqual(['before', 'in-flight']);
  });

  it('count their delay from when they were accepted', async () => {
    const { queues } = await open();
    await redis.kill();
    await eventually(async () => expect(await add(1)).toMatchObject({ state: 'outbox' }));
    const accepted = Date.now();
    await queues.add('parcels', { data: { n: 1 }, options: { jobId: 'later', delayMs: 3_600_000 } });
    const acceptedBy = Date.now();
    await redis.start();
    await empty();
    expect(await ids('delayed')).toEqual(['later']);
    const due = Number(await redis.command('HGET', 'holdfast:jobs:{parcels}:parcels:later', 'timestamp'));
    expect(due).toBeGreaterThanOrEqual(accepted);
    expect(due).toBeLessThanOrEqual(acceptedBy);
  });

  it('wait for the first Redis as well: a queue that is made without one neither hangs nor runs anything else', async () => {
    await redis.kill();
    const { queues } = await open();
    expect(await add(1, 'early')).toMatchObject({ state: 'outbox' });
    await expect(queues.summary('parcels')).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await expect(queues.get('parcels', 'other')).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await redis.start();
    await empty();
    expect(await ids()).toEqual(['early']);
  });

  it('survive a start of the service without Redis, and go before what comes after them', async () => {
    await open();
    await redis.kill();
    await eventually(async () => expect(await add(1, 'one')).toMatchObject({ state: 'outbox' }));
    await opened?.queues.close();
    await open();
    expect(await add(2, 'two')).toMatchObject({ state: 'outbox' });
    expect(opened?.outbox.status).toMatchObject({ waiting: 2 });
    await redis.start();
    await empty();
    expect(await ids()).toEqual(['one', 'two']);
  });

  it('wait while Redis has no memory, without being taken for wrong', async () => {
    const full = await startRedis({ args: ['--maxmemory', '1'] });
    await full.kill();
    await open(full.port);
    expect(await add(1, 'patient')).toMatchObject({ state: 'outbox' });
    await full.start();
    await eventually(() => expect(opened?.outbox.status.reason).toMatch(/out of memory/));
    expect(opened?.outbox.status).toMatchObject({ waiting: 1, setAside: 0 });
    await full.command('CONFIG', 'SET', 'maxmemory', '0');
    await empty();
    expect(await full.command('EXISTS', 'holdfast:jobs:{parcels}:parcels:patient')).toBe(1);
    await full.stop();
  });

  it('are kept likewise where Redis is there and has no memory, unless the outbox has no room either', async () => {
    const full = await startRedis({ args: ['--maxmemory', '1'] });
    await open(full.port, { maxJobs: 2 });
    await eventually(() => expect(opened?.backend.status.available).toBe(true));
    expect(await add(1, 'one')).toMatchObject({ state: 'outbox' });
    const { items } = (await opened?.queues.addMany('parcels', [{ data: { n: 2 } }, { data: { n: 3 } }])) ?? {};
    expect(items).toMatchObject([{ state: 'outbox' }, { status: 'rejected', error: { code: 'QUEUE_OUT_OF_MEMORY' } }]);
    await expect(add(4)).rejects.toMatchObject({ code: 'QUEUE_OUT_OF_MEMORY', status: 507 });
    await full.command('CONFIG', 'SET', 'maxmemory', '0');
    await empty();
    expect(await full.command('EXISTS', 'holdfast:jobs:{parcels}:parcels:one')).toBe(1);
    await full.stop();
  });

  it('are forwarded before the service ends, if Redis is there', async () => {
    const { outbox } = await open();
    await redis.kill();
    await eventually(async () => expect(await add(1, 'last')).toMatchObject({ state: 'outbox' }));
    expect(await outbox.drain({ timeoutMs: 5000 })).toBe(1);
    await redis.start();
    await eventually(() => expect(opened?.backend.status.available).toBe(true));
    expect(await outbox.drain({ timeoutMs: 60_000 })).toBe(0);
    expect(await ids()).toEqual(['last']);
  });
});
