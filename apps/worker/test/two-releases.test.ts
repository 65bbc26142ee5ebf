import { eventually, startRedis } from '@holdfast/testing';
import { expect, it } from 'vitest';
import { createTestWorker, type TestWorker } from './fixture.ts';

const yaml = (pattern: string): string => `
queues:
  report: { url: "http://127.0.0.1:9/", schedule: { pattern: "${pattern}", data: {} } }
`;

it('what a worker of the older release declares does not come back when its connections did', async () => {
  const redis = await startRedis();
  const release = async (pattern: string): Promise<TestWorker> => {
    const env = { REDIS_URL: redis.url, REDIS_KEY_PREFIX: 'releases', WORKER_QUEUES: 'report' };
    const test = await createTestWorker({ env, yaml: yaml(pattern) });
    await test.worker.start();
    return test;
  };
  const installed = async (test: TestWorker): Promise<string | undefined> =>
    (await test.runtime.parts.queues.queues.schedules.get('report', 'holdfast.yaml'))?.pattern;
  const old = await release('0 6 * * *');
  await eventually(async () => expect(await installed(old)).toBe('0 6 * * *'));
  const fresh = await release('0 7 * * *');
  await eventually(async () => expect(await installed(fresh)).toBe('0 7 * * *'));
  await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  // Only then has it tried.
  await eventually(() => expect(old.log.join('\n')).toContain('as a newer release declares them'));
  // Its own connections are made anew as well.
  await eventually(async () => expect(await installed(fresh)).toBe('0 7 * * *'));
  await Promise.all([old.close(), fresh.close()]);
  await redis.stop();
});
