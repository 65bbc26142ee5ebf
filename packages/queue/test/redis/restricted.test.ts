import { documentedRights, eventually, startRedis, type RedisServer } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createRedisBackend, defineQueue } from '../../src/index.ts';
import { useQueues } from '../use-queues.ts';

const definition = defineQueue({
  name: 'restricted',
  description: 'For a user with few rights.',
  payload: Type.Object({ fails: Type.Boolean() }),
  attempts: 1,
  timeoutMs: 10_000,
  retention: { completed: {}, failed: {} },
  concurrency: 1,
});

/** What an application is often given lacks TIME, INFO, SUBSCRIBE, MULTI and CONFIG. */
const usual = ['~*', '-@all', '+@read', '+@write', '+@scripting', '+@connection'];

describe.each([
  ['the usual rights of an application', usual],
  ['the rights that are documented', documentedRights('secret')],
])('a user with %s', (what, rights) => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
    await redis.command('ACL', 'SETUSER', 'app', 'on', '>secret', ...rights);
    await redis.command('ACL', 'LOG', 'RESET');
  });
  afterAll(() => redis.stop());
  const test = useQueues(
    async () =>
      createRedisBackend({
        target: { kind: 'standalone', host: redis.host, port: redis.port, username: 'app', password: 'secret' },
      }),
    [definition],
  );

  it('adds jobs, works on them, retries and cancels them, and nothing is written to the console', async () => {
    const onConsole = vi.spyOn(console, 'warn');
    const { queues } = test;
    const ran: string[] = [];
    await test.consume('restricted', async (job) => {
      ran.push(job.id);
      await job.log('at work');
      if ((job.data as { readonly fails: boolean }).fails) throw new Error('as it was told to');
    });
    const state = async (id: string): Promise<unknown> => (await queues.get('restricted', id))?.state;
    await queues.add('restricted', { data: { fails: false }, options: { jobId: 'good' } });
    await queues.add('restricted', { data: { fails: true }, options: { jobId: 'bad' } });
    await eventually(async () => expect([await state('good'), await state('bad')]).toEqual(['completed', 'failed']));
    await queues.redrive('restricted', { ids: ['bad'] });
    await eventually(() => expect(ran).toEqual(['good', 'bad', 'bad']));
    await queues.add('restricted', { data: { fails: false }, options: { jobId: 'late', delayMs: 100 } });
    await eventually(async () => expect(await state('late')).toBe('completed'));
    const [summary] = await queues.summaries();
    expect(summary).toMatchObject({ name: 'restricted', workers: 1 });
    expect(onConsole).not.toHaveBeenCalled();
    if (what.endsWith('documented')) expect(await redis.command('ACL', 'LOG')).toEqual([]);
  });
});
