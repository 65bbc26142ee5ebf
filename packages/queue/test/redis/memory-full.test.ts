import { eventually, startRedis, type RedisServer } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedisBackend, defineQueue, PermanentError, RetentionSweeper } from '../../src/index.ts';
import { useQueues } from '../use-queues.ts';

const definition = defineQueue({
  name: 'full',
  description: 'For a Redis whose memory is full.',
  payload: Type.Object({ fails: Type.Boolean() }),
  attempts: 1,
  timeoutMs: 10_000,
  retention: { completed: {}, failed: {} },
  concurrency: 10,
});

describe.each([
  ['all rights', []],
  ['no right to ask for the time', ['-time']],
])('a Redis whose memory is full, for a user with %s', (_what, without) => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
    await redis.command('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', ...without);
  });
  afterAll(() => redis.stop());
  const test = useQueues(
    async () =>
      createRedisBackend({
        target: { kind: 'standalone', host: redis.host, port: redis.port, username: 'app', password: 'secret' },
      }),
    [definition],
  );

  it('is read, and freed by all that removes; what adds is refused before it has changed anything', async () => {
    const { queues, backend } = test;
    const consumer = await test.consume('full', async ({ data }) => {
      if ((data as { readonly fails: boolean }).fails) throw new PermanentError('as it was told to');
    });
    const add = async (ids: readonly string[], options = {}, fails = false) =>
      queues.addMany(
        'full',
        ids.map((jobId) => ({ data: { fails }, options: { jobId, ...options } })),
      );
    const ids = (name: string): string[] => Array.from({ length: 10 }, (_, n) => `${name}-${n}`);
    await add(ids('done'));
    await add(ids('failed'), {}, true);
    await eventually(async () =>
      expect((await queues.summary('full')).counts).toMatchObject({ completed: 10, failed: 10 }),
    );
    await consumer.close({ timeoutMs: 3000 });
    await add(ids('waits'));
    await add(ids('later'), { delayMs: 3_600_000 });
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');

    await expect(queues.add('full', { data: { fails: false } })).rejects.toMatchObject({ status: 507 });
    for (const call of [
      async () => queues.admin.promote('full', 'later-0'),
      async () => queues.admin.retry('full', 'failed-0'),
      async () => queues.redrive('full'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'QUEUE_OUT_OF_MEMORY', status: 507 });
    }
    expect(await queues.summary('full')).toMatchObject({
      counts: { prioritized: 10, delayed: 10, completed: 10, failed: 10 },
    });
    expect(await queues.get('full', 'later-0')).toMatchObject({ state: 'delayed' });
    expect(await queues.get('full', 'failed-0', { waitMs: 100 })).toMatchObject({ state: 'failed', attemptsMade: 1 });
    expect((await queues.admin.list('full')).jobs).toHaveLength(40);
    expect((await queues.deadLetters('full')).jobs).toHaveLength(10);
    expect(await queues.schedules.list('full')).toEqual([]);

    expect(await queues.cancel('full', 'later-1')).toBe('waiting');
    expect(await queues.admin.remove('full', 'later-2')).toBe(true);
    expect(await queues.admin.remove('full', 'waits-2')).toBe(true);
    expect(await queues.cleanDeadLetters('full', { ids: ['failed-1'] })).toMatchObject({ removed: 1 });
    expect(await queues.admin.clean('full', { state: 'failed', limit: 5 })).toBe(5);
    const rules = { completed: { count: 3 }, failed: { count: 3 } };
    const sweeper = new RetentionSweeper({ backend, definitions: [{ ...definition, retention: rules }] });
    expect(await sweeper.sweep()).toBe(9);
    expect(await queues.admin.drain('full')).toBe(9);
    expect(await queues.admin.drain('full', { delayed: true })).toBe(8);
    expect((await queues.summary('full')).counts).toMatchObject({
      prioritized: 0,
      delayed: 0,
      completed: 3,
      failed: 3,
    });

    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await queues.redrive('full')).toMatchObject({ redriven: 3 });
  });
});
