import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, Latch, startCluster, startRedis, type RedisCluster, type RedisServer } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues } from '../../src/index.ts';
import type { Handler, JobEvent, QueueBackend } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import type { EventReader } from '../../src/port/event-reader.ts';

const definition = defineQueue({
  name: 'missed',
  description: 'For those who miss events.',
  payload: Type.Object({}),
  attempts: 1,
  timeoutMs: 20_000,
  retention: { completed: {}, failed: {} },
  concurrency: 10,
});
const queue = definition.name;

/** Hears nothing, like one whose connection hangs. */
function deafReader(): EventReader {
  const closed = Promise.withResolvers<void>();
  return {
    next: async () => {
      await closed.promise;
      return [];
    },
    close: async () => closed.resolve(),
  };
}

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function consume(backend: QueueBackend, handler: Handler): Promise<void> {
  const consumer = new Consumer({ backend, definition, handler });
  closers.push(async () => consumer.close({ timeoutMs: 3000 }));
  await consumer.start();
}

async function typesOf(events: AsyncIterable<JobEvent> | undefined): Promise<string[]> {
  const types: string[] = [];
  for await (const event of events ?? []) {
    if (event.type !== 'heartbeat') types.push(event.type === 'state' ? event.data.state : event.type);
  }
  return types;
}

describe.each(['Redis', 'the embedded backend'])('where the reader of events hears nothing, on %s', (kind) => {
  let server: RedisServer | undefined;
  let directory: string | undefined;
  let backend: QueueBackend;
  let queues: Queues;
  beforeAll(async () => {
    if (kind === 'Redis') {
      server = await startRedis();
      backend = createRedisBackend({ target: { kind: 'standalone', host: server.host, port: server.port } });
    } else {
      directory = mkdtempSync(join(tmpdir(), 'holdfast-missed-'));
      backend = await createEmbeddedBackend({ directory });
    }
    const deaf = Object.create(backend, { openEvents: { value: deafReader } }) as QueueBackend;
    queues = new Queues({ backend: deaf, definitions: [definition] });
  });
  afterAll(async () => {
    await queues.close();
    await server?.stop();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  });
  const signal = (): AbortSignal => AbortSignal.timeout(60_000);

  it('all is told all the same: ends, results of jobs that are removed, states, progress and logs in their order', async () => {
    const { id } = await queues.add(queue, { data: {} });
    await backend
      .open(queue)
      .call((bullmq) => bullmq.add('plain', {}, { jobId: 'short-lived', removeOnComplete: true }));
    const mayEnd = new Latch();
    const waits = [id, 'short-lived'].map(async (each) => queues.get(queue, each, { waitMs: 30_000 }));
    const followed = typesOf(await queues.admin.watch(queue, id, { signal: signal() }));
    await consume(backend, async (job) => {
      await job.progress(1);
      await job.log('a line');
      await mayEnd.wait();
      return { of: job.id };
    });
    mayEnd.open();
    expect(await Promise.all(waits)).toMatchObject([
      { state: 'completed', result: { of: id } },
      { state: 'completed', result: { of: 'short-lived' } },
    ]);
    expect(await followed).toEqual(['prioritized', 'active', 'progress', 'log', 'completed']);
  });

  it('a job that somebody removes is told to be gone', async () => {
    const { id } = await queues.add(queue, { data: {}, options: { delayMs: 3_600_000 } });
    const waited = queues.get(queue, id, { waitMs: 30_000 });
    const followed = typesOf(await queues.admin.watch(queue, id, { signal: signal() }));
    const read = vi.spyOn(backend.open(queue).jobs, 'look');
    await eventually(() => expect(read).toHaveBeenCalled());
    expect(await queues.admin.remove(queue, id)).toBe(true);
    expect(await waited).toBeUndefined();
    expect(await followed).toEqual(['delayed', 'unknown']);
    read.mockRestore();
  });

  it('the end of a job whose events were cut off is told from the job itself', async () => {
    const { id } = await queues.add(queue, { data: {} });
    const waited = queues.get(queue, id, { waitMs: 30_000 });
    const followed = typesOf(await queues.admin.watch(queue, id, { signal: signal() }));
    const mayEnd = new Latch();
    const { jobs } = backend.open(queue);
    // As it is where others have had so many events since that none of this job is kept.
    const cutOff = vi.spyOn(jobs, 'eventsAfter').mockResolvedValue({ events: [], more: false });
    await consume(backend, async () => {
      await mayEnd.wait();
      return 'end';
    });
    await eventually(async () => expect((await queues.get(queue, id))?.state).toBe('active'));
    const looks = vi.spyOn(jobs, 'look');
    await eventually(() => expect(looks.mock.settledResults.length).toBeGreaterThan(0));
    mayEnd.open();
    expect(await waited).toMatchObject({ state: 'completed', result: 'end' });
    expect(await followed).toEqual(['prioritized', 'active', 'completed']);
    cutOff.mockRestore();
    looks.mockRestore();
  });
});

describe('where the connection of the reader of events ends, or its stream begins anew', () => {
  let redis: RedisServer;
  let backend: QueueBackend;
  let queues: Queues;
  beforeEach(async () => {
    redis = await startRedis();
    backend = createRedisBackend({ target: { kind: 'standalone', host: redis.host, port: redis.port } });
    queues = new Queues({ backend, definitions: [definition] });
  });
  afterEach(async () => {
    await queues.close();
    await redis.stop();
  });
  const stream = `holdfast:jobs:{${queue}}:${queue}:events`;
  const readerId = async (): Promise<string> => {
    const line = String(await redis.command('CLIENT', 'LIST'))
      .split('\n')
      .find((one) => one.includes('cmd=xread'));
    return / ?id=(\d+)/.exec(line ?? '')?.[1] ?? expect.fail('Nobody reads.');
  };

  it('those who wait are answered, and those who follow miss nothing', async () => {
    const { id } = await queues.add(queue, { data: {} });
    const waited = queues.get(queue, id, { waitMs: 30_000 });
    const followed = typesOf(await queues.admin.watch(queue, id, { signal: AbortSignal.timeout(60_000) }));
    const first = await eventually(readerId);
    await redis.command('CLIENT', 'KILL', 'ID', first);
    await consume(backend, async (job) => {
      await job.progress(1);
      return 'end';
    });
    expect(await waited).toMatchObject({ state: 'completed', result: 'end' });
    expect(await followed).toEqual(['prioritized', 'active', 'progress', 'completed']);
    expect(await eventually(readerId)).not.toBe(first);
  });

  it('a stream that begins anew, at an earlier time, is heard', async () => {
    const { id } = await queues.add(queue, { data: {}, options: { delayMs: 3_600_000 } });
    const events = await queues.admin.watch(queue, id, { signal: AbortSignal.timeout(60_000), heartbeatMs: 60_000 });
    const told = events?.[Symbol.asyncIterator]();
    expect(await told?.next()).toMatchObject({ value: { type: 'state' } });
    await eventually(readerId);
    const progress = async (eventId: string, data: string): Promise<unknown> =>
      redis.command('XADD', stream, eventId, 'event', 'progress', 'jobId', id, 'data', data);
    // The clock of the Redis that was replaced was far ahead.
    await progress('9999999999999-0', '1');
    expect(await told?.next()).toMatchObject({ value: { type: 'progress', data: { progress: 1 } } });
    await redis.command('DEL', stream);
    const looks = vi.spyOn(backend.open(queue).jobs, 'look');
    await eventually(() => expect(looks.mock.settledResults.length).toBeGreaterThan(0));
    const waited = queues.get(queue, id, { waitMs: 30_000 });
    await eventually(() => expect(looks.mock.settledResults.length).toBeGreaterThan(1));
    await backend.open(queue).call(async (bullmq) => (await bullmq.getJob(id))?.promote());
    await consume(backend, async () => 'end');
    expect(await waited).toMatchObject({ state: 'completed', result: 'end' });
    const rest: string[] = [];
    for (let next = await told?.next(); next?.done === false; next = await told?.next()) rest.push(next.value.type);
    expect(rest.at(-1)).toBe('completed');
  });

  it('whoever comes back with an id that the new stream has not reached yet is told what there is', async () => {
    const { id } = await queues.add(queue, { data: {} });
    await consume(backend, async () => 'end');
    await queues.get(queue, id, { waitMs: 30_000 });
    const since = { eventId: '9999999999999-0', lines: 0, hasEnded: false };
    const followed = await queues.admin.watch(queue, id, { signal: AbortSignal.timeout(60_000), since });
    expect(await typesOf(followed)).toEqual(['prioritized', 'active', 'completed']);
  });
});

describe('in a cluster whose slot of the queue goes to another node', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(async () => cluster.stop());

  it('those who wait and follow are told by a reader at the new one', async () => {
    const backend = createRedisBackend({ target: { kind: 'cluster', nodes: cluster.addresses } });
    const queues = new Queues({ backend, definitions: [definition] });
    closers.push(async () => queues.close());
    const readers = async (server: RedisServer): Promise<number> =>
      String(await server.command('CLIENT', 'LIST')).split('cmd=xread').length - 1;
    const { id } = await eventually(async () => queues.add(queue, { data: {} }));
    const waited = queues.get(queue, id, { waitMs: 30_000 }).catch((error: unknown) => error);
    const followed = typesOf(await queues.admin.watch(queue, id, { signal: AbortSignal.timeout(60_000) }));
    const before = await cluster.masterOf(`{${queue}}`);
    await eventually(async () => expect(await readers(before)).toBe(1));
    await cluster.failover(before, 'SIGKILL');
    await eventually(async () => expect(await readers(await cluster.masterOf(`{${queue}}`))).toBe(1));
    await consume(backend, async () => 'end');
    const [end, told] = await Promise.all([waited, followed]);
    // Who waited while no node had the slot was told so; who follows is told when there is one.
    expect(end).toEqual(
      expect.objectContaining(end instanceof Error ? { code: 'QUEUE_UNAVAILABLE' } : { result: 'end' }),
    );
    expect(told).toEqual(['prioritized', 'active', 'completed']);
    expect(await queues.get(queue, id, { waitMs: 30_000 })).toMatchObject({ result: 'end' });
  });
});
