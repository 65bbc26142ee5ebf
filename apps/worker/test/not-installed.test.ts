import { eventually, startRedis } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { createTestWorker } from './fixture.ts';

const warnings = (log: readonly string[]): string[] =>
  log.filter((line) => line.includes('could not be installed yet'));

describe('schedules that cannot be installed', () => {
  it('are a warning where Redis is there and refuses writes, and installed once it takes them', async () => {
    const redis = await startRedis({ args: ['--min-replicas-to-write', '1'] });
    const yaml =
      'queues:\n  mail: { url: "http://127.0.0.1:1/", schedule: { pattern: "0 2 * * *", tz: "UTC", data: {} } }\n';
    const test = await createTestWorker({ yaml, env: { REDIS_URL: redis.url } });
    try {
      await test.worker.start();
      await eventually(() => expect(warnings(test.log).join()).toContain('NOREPLICAS'));
      await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0');
      await eventually(async () =>
        expect(await test.runtime.parts.queues.queues.schedules.list('mail')).toHaveLength(1),
      );
    } finally {
      await test.close();
      await redis.stop();
    }
  });
});
