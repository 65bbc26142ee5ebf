import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { eventually, Latch, startRedis } from '@holdfast/testing';
import type { RedisServer } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues, QueueUnavailableError } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import type { ChildResult, Handler, QueueBackend } from '../../src/index.ts';

const definition = defineQueue({
  name: 'parts',
  description: 'For the tests of what a store has lost.',
  payload: Type.Object({ n: Type.Integer() }),
  attempts: 1,
  timeoutMs: 20_000,
  concurrency: 5,
  retention: { completed: {}, failed: {} },
});
const queue = definition.name;

describe('on Redis', () => {
  let redis: RedisServer;
  let backend: QueueBackend;
  let queues: Queues;
  const consumers: Consumer[] = [];
  beforeAll(async () => {
    redis = await startRedis();
    backend = createRedisBackend({ target: { kind: 'standalone', host: redis.host, port: redis.port } });
    queues = new Queues({ backend, definitions: [definition] });
  });
  afterEach(async () => {
    for (const consumer of consumers.splice(0)) await consumer.close({ timeoutMs: 3000 });
  });
  afterAll(async () => {
    await queues.close();
    await redis.stop();
  });

  const key = (part: string): string => `${backend.prefixOf(queue)}:${queue}:${part}`;
  const consume = async (handler: Handler): Promise<void> => {
    const consumer = new Consumer({ backend, definition, handler });
    consumers.push(consumer);
    await consumer.start();
  };

  it('a parent is told of all its children, also where the result of one is no JSON', async () => {
    const toldOf: ChildResult[][] = [];
    await queues.addFlow({
      queue,
      data: { n: 0 },
      options: { jobId: 'parent' },
      children: [
        { queue, data: { n: 1 }, options: { jobId: 'one' } },
        { queue, data: { n: 2 }, options: { jobId: 'two' } },
      ],
    });
    await consume(async (job) => {
      if (job.id !== 'parent') return { n: 1 };
      await redis.command('HSET', key('parent:processed'), key('one'), '{"n":');
      toldOf.push(await job.children());
      return null;
    });
    expect(await queues.get(queue, 'parent', { waitMs: 30_000 })).toMatchObject({ state: 'completed' });
    expect(toldOf[0]?.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
      { queue, id: 'one', result: '{"n":' },
      { queue, id: 'two', result: { n: 1 } },
    ]);
  });

  it('an event that is no JSON ends no subscription: those that follow are heard', async () => {
    const { id } = await queues.add(queue, { data: { n: 1 } });
    const signal = AbortSignal.timeout(60_000);
    const events = (await queues.admin.watch(queue, id, { signal }))?.[Symbol.asyncIterator]();
    await events?.next();
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    await redis.command('XADD', key('events'), '*', 'event', 'progress', 'jobId', id, 'data', deep);
    await redis.command('XADD', key('events'), '*', 'event', 'completed', 'jobId', 'other', 'returnvalue', '{');
    await redis.command('XADD', key('events'), '*', 'event', 'progress', 'jobId', 'other');
    const mayEnd = new Latch();
    await consume(async (job) => {
      for (let at = 1; !mayEnd.isOpen; at += 1) {
        await job.progress({ at });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return 'end';
    });
    const types: string[] = [];
    const told: string[] = [];
    for (;;) {
      const next = await events?.next();
      if (next === undefined || next.done === true) break;
      types.push(next.value.type);
      told.push(JSON.stringify(next.value));
      // Progress is told by events alone.
      if (next.value.type === 'progress' && JSON.stringify(next.value).includes('"at"')) mayEnd.open();
    }
    expect(types.at(-1)).toBe('completed');
    // What cannot be written as JSON again is told as the text that is there.
    expect(told.filter((text) => text.includes('"[[[['))).toHaveLength(1);
    expect(mayEnd.isOpen).toBe(true);
  });

  it('an event that is no JSON hides none of those behind it, also where the store is away just then', async () => {
    const { id } = await queues.add(queue, { data: { n: 1 }, options: { delayMs: 3_600_000 } });
    const signal = AbortSignal.timeout(60_000);
    const events = (await queues.admin.watch(queue, id, { signal, heartbeatMs: 60_000 }))?.[Symbol.asyncIterator]();
    expect(await events?.next()).toMatchObject({ value: { type: 'state' } });
    const away = vi
      .spyOn(backend.open(queue).jobs, 'eventsAfter')
      .mockRejectedValueOnce(new QueueUnavailableError('It is away.'));
    // At once, and more than a reader gets in one reply.
    const add = (...fields: string[]): string =>
      `redis.call('XADD', KEYS[1], '*', ${fields.map((field) => `'${field}'`).join(', ')})`;
    const all = Array.from({ length: 25 }, (_, at) => at + 1);
    const script = all.flatMap((at) => [
      add('event', 'progress', 'jobId', id, 'data', `${at}`),
      ...(at % 5 === 0 ? [add('event', 'completed', 'jobId', 'other', 'returnvalue', '{')] : []),
    ]);
    await redis.command('EVAL', script.join(' '), '1', key('events'));
    try {
      for (const progress of all) {
        expect(await events?.next()).toMatchObject({ value: { type: 'progress', data: { progress } } });
      }
      expect(away.mock.settledResults[0]?.type).toBe('rejected');
      await redis.command('XADD', key('events'), '*', 'event', 'progress', 'jobId', id, 'data', '26');
      expect(await events?.next()).toMatchObject({ value: { type: 'progress', data: { progress: 26 } } });
    } finally {
      away.mockRestore();
      await events?.return?.();
    }
  });
});

describe('on the embedded backend', () => {
  it('jobs of which the database holds what no Date can be made of are listed with the rest', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-parts-'));
    const open = async (): Promise<Queues> =>
      new Queues({ backend: await createEmbeddedBackend({ directory }), definitions: [definition] });
    let queues = await open();
    for (const n of [1, 2])
      await queues.add(queue, { data: { n }, options: { jobId: `job-${n}`, delayMs: 3_600_000 } });
    await queues.add(queue, { data: { n: 3 }, options: { jobId: 'lost', delayMs: 3_600_000 } });
    await queues.close();

    const database = await PGlite.create(join(directory, 'pglite'));
    const most = '9000000000000000000';
    await database.query(
      `UPDATE bullmq.job SET added_at_ms = ${most}, data = 'null', progress = NULL WHERE id = 'job-1'`,
    );
    await database.query(
      `UPDATE bullmq.job SET state = 'failed', finished_at_ms = ${most}, added_at_ms = ${most}, data = '"odd"', stacktrace = '"text"' WHERE id = 'lost'`,
    );
    await database.query(
      `INSERT INTO bullmq.holdfast_schedule (queue, id, record) VALUES ('${queue}', 'odd', '[]'), ('${queue}', 'null', 'null')`,
    );
    await database.close();

    queues = await open();
    try {
      const { jobs } = await queues.admin.list(queue, { state: 'delayed' });
      expect(jobs.map(({ id, damaged }) => [id, damaged])).toEqual(
        expect.arrayContaining([
          ['job-1', ['createdAt']],
          ['job-2', undefined],
        ]),
      );
      expect((await queues.admin.list(queue)).jobs).toHaveLength(3);
      const { jobs: dead } = await queues.deadLetters(queue);
      expect(dead).toMatchObject([{ id: 'lost', data: 'odd', damaged: ['failedAt', 'createdAt'] }]);
      expect(await queues.get(queue, 'job-1')).toMatchObject({ damaged: ['createdAt'] });
      expect(await queues.schedules.list(queue)).toEqual([]);
      await eventually(async () => expect((await queues.summary(queue)).counts.delayed).toBe(2));
      for (const id of ['job-1', 'lost']) expect(await queues.admin.remove(queue, id)).toBe(true);
      expect((await queues.admin.list(queue)).jobs).toHaveLength(1);
    } finally {
      await queues.close();
    }
  });
});
