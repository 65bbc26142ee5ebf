import { measureWorker } from '@holdfast/modules';
import { createMetrics } from '@holdfast/telemetry';
import { useRedis } from '@holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestWorker } from './fixture.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

describe('the metrics of a worker', () => {
  it('say of each of its queues that it takes jobs, once it does', async () => {
    const test = await createTestWorker({ env: { REDIS_URL: useRedis().url } });
    ends.push(() => test.close());
    const metrics = createMetrics({ service: 'worker' });
    ends.push(() => metrics.close());
    measureWorker(test.worker, metrics.instruments('worker'));
    const shown = async (): Promise<string[]> => (await metrics.text()).split('\n');
    expect(await shown()).toContain('holdfast_worker_consuming{queue="http-delivery"} 0');
    await test.worker.start();
    expect(await shown()).toEqual(
      expect.arrayContaining([
        'holdfast_worker_consuming{queue="source-sync"} 1',
        'holdfast_worker_consuming{queue="http-delivery"} 1',
        'holdfast_worker_active_jobs{queue="http-delivery"} 0',
      ]),
    );
  });
});
