import { eventually, FaultProxy, startRedis, startSentinel, type RedisServer } from '@holdfast/testing';
import type { RedisTarget } from '@holdfast/redis-core';
import { Type } from 'typebox';
import { afterEach, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues, type QueueBackend } from '../../src/index.ts';

const definition = defineQueue({
  name: 'moved',
  description: 'For the test of a Redis that moves.',
  payload: Type.Object({ n: Type.Integer() }),
  attempts: 3,
  timeoutMs: 10_000,
  retention: { completed: {}, failed: {} },
  concurrency: 5,
});

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Running {
  readonly backend: QueueBackend;
  readonly ran: ReadonlySet<number>;
  readonly add: (n: number) => Promise<unknown>;
}

/** A producer and a worker, whose first job is done. */
async function running(target: RedisTarget): Promise<Running> {
  const backend = createRedisBackend({ target, commandTimeoutMs: 10_000 });
  const queues = new Queues({ backend, definitions: [definition] });
  const ran = new Set<number>();
  const consumer = new Consumer({ backend, definition, handler: async ({ data }) => void ran.add(data.n) });
  closers.push(
    () => queues.close(),
    () => consumer.close({ timeoutMs: 2000 }),
  );
  await consumer.start();
  const add = async (n: number): Promise<unknown> =>
    queues.add('moved', { data: { n }, options: { jobId: `job-${n}` } });
  await add(0);
  await eventually(() => expect(ran).toContain(0));
  return { backend, ran, add };
}

async function standalones(): Promise<{ old: RedisServer; next: RedisServer; address: FaultProxy }> {
  const [old, next] = await Promise.all([startRedis(), startRedis({ args: ['--repl-diskless-sync-delay', '0'] })]);
  const address = await FaultProxy.listen(old);
  closers.push(
    () => old.stop(),
    () => next.stop(),
    () => address.close(),
  );
  return { old, next, address };
}

describe('a queue whose Redis has become a replica', () => {
  it('goes to the primary that the address leads to, with all its connections', async () => {
    const { old, next, address } = await standalones();
    const { backend, add, ran } = await running({ kind: 'standalone', host: address.host, port: address.port });
    address.moveTo(next);
    await old.command('REPLICAOF', next.host, String(next.port));
    await expect(add(1)).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    expect(backend.status).toMatchObject({ refuses: { writes: { kind: 'read-only' } } });
    await eventually(async () => add(2));
    await eventually(() => expect(ran).toContain(2));
    expect(await next.command('EXISTS', 'holdfast:jobs:{moved}:moved:job-2')).toBe(1);
    await eventually(() => expect(backend.status).toEqual({ available: true }));
  });

  it('says so while the address leads there, and that it is over', async () => {
    const { old, address } = await standalones();
    const { backend, add } = await running({ kind: 'standalone', host: address.host, port: address.port });
    await old.command('REPLICAOF', '127.0.0.1', '1');
    await expect(add(1)).rejects.toMatchObject({ code: 'QUEUE_UNAVAILABLE' });
    await eventually(() => expect(backend.status).toMatchObject({ refuses: { writes: { kind: 'read-only' } } }));
    await old.command('REPLICAOF', 'NO', 'ONE');
    await eventually(() => expect(backend.status).toEqual({ available: true }));
    await eventually(async () => add(2));
  });

  it('says that it takes no jobs for want of memory', async () => {
    const { old, address } = await standalones();
    const { backend, add } = await running({ kind: 'standalone', host: address.host, port: address.port });
    await old.command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(add(1)).rejects.toMatchObject({ code: 'QUEUE_OUT_OF_MEMORY' });
    expect(backend.status).toMatchObject({ available: true, refuses: { writes: { kind: 'out-of-memory' } } });
    await old.command('CONFIG', 'SET', 'maxmemory', '0');
    await eventually(() => expect(backend.status).toEqual({ available: true }));
  });
});

describe('a queue behind sentinels', () => {
  it('leaves a master that is exchanged for another while it runs, before that is demoted', async () => {
    const sentinel = await startSentinel();
    closers.push(() => sentinel.stop());
    const { addresses, masterName } = sentinel;
    const { add, ran } = await running({ kind: 'sentinel', sentinels: addresses, masterName });
    const old = await sentinel.master();
    const ours = /name=holdfast:(producer|consumer) /;
    expect(String(await old.command('CLIENT', 'LIST'))).toMatch(ours);
    const promoted = await sentinel.plannedFailover();
    let n = 1;
    await eventually(async () => {
      n += 1;
      await add(n);
      expect(await promoted.command('EXISTS', `holdfast:jobs:{moved}:moved:job-${n}`)).toBe(1);
    });
    await eventually(async () => {
      expect(String(await old.command('CLIENT', 'LIST'))).not.toMatch(/name=(holdfast|bull):/);
    });
    // They have left by themselves: it still says that it is the master, and would end them when it is demoted.
    expect(String(await old.command('ROLE'))).toMatch(/^master/);
    await eventually(() => expect(ran).toContain(n));
  }, 60_000);
});
