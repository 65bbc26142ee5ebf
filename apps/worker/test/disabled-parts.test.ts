import { eventually, uniquePrefix } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { createTestWorker } from './fixture.ts';

const queue = 'source-sync';

describe('a worker of which parts are turned off', () => {
  it('consumes no queue that is off, and starts nevertheless', async () => {
    const yaml = 'queues:\n  http-delivery: { enabled: false }\n  mail: { url: "http://127.0.0.1:1/" }\n';
    // A job that fails for good would be told to it, through http-delivery.
    const test = await createTestWorker({ yaml, env: { WEBHOOK_URL: 'http://127.0.0.1:1/' } });
    await test.worker.start();
    expect(Object.keys(test.worker.status())).toEqual([queue, 'mail']);
    expect(await test.run('mail', {}, { attempts: 1 })).toMatchObject({ state: 'failed' });
    await test.close();
  });

  it('takes the schedule of a source away that an earlier start had installed', async () => {
    const env = { REDIS_KEY_PREFIX: uniquePrefix('disabled'), NOVITA_API_BASE_URL: 'http://127.0.0.1:1/' };
    const schedules = async (yaml?: string): Promise<void> => {
      const test = await createTestWorker({ env, ...(yaml !== undefined && { yaml }) });
      const expected = yaml === undefined ? ['instances', 'products'] : ['instances'];
      await test.worker.start();
      await eventually(async () => {
        const ids = (await test.runtime.parts.queues.queues.schedules.list(queue)).map(({ id }) => id);
        expect(ids).toEqual(expected);
      });
      await test.close();
    };
    await schedules();
    await schedules('sources:\n  products: { enabled: false }\n');
  });

  it('syncs nothing without an upstream, and says why', async () => {
    const test = await createTestWorker();
    await test.worker.start();
    const job = await test.run(queue, { source: 'instances' });
    expect(job).toMatchObject({ state: 'failed', attemptsMade: 1, error: { code: 'UPSTREAM_NOT_CONFIGURED' } });
    expect(await test.runtime.parts.queues.queues.schedules.list(queue)).toEqual([]);
    await test.close();
  });
});
