import { createMetrics } from '@holdfast/telemetry';
import { useRedis } from '@holdfast/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { measureWorker } from '../src/index.ts';
import type { WorkerRuntime } from '../src/index.ts';
import { createTestWorker } from './fixture.ts';

const metrics = createMetrics({ service: 'worker' });
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function shown(worker: Pick<WorkerRuntime, 'status' | 'stuck'>): Promise<string[]> {
  ends.push(measureWorker(worker, metrics));
  return (await metrics.text()).split('\n').filter((line) => line.startsWith('holdfast_worker_'));
}

describe('the metrics of a worker', () => {
  it('say of each of its queues that it takes jobs, once it does', async () => {
    const test = await createTestWorker({ env: { REDIS_URL: useRedis().url } });
    ends.push(() => test.close());
    expect(await shown(test.worker)).toContain('holdfast_worker_consuming{queue="http-delivery"} 0');
    await test.worker.start();
    expect(await shown(test.worker)).toEqual(
      expect.arrayContaining([
        'holdfast_worker_consuming{queue="source-sync"} 1',
        'holdfast_worker_consuming{queue="http-delivery"} 1',
        'holdfast_worker_active_jobs{queue="http-delivery"} 0',
      ]),
    );
  });

  it('say so of a fetch loop that stands still, although it was never stopped', async () => {
    const idle = { running: true, lastProgressAt: null, lastFetchAt: null, canFetch: true };
    const worker = {
      status: () => ({ 'source-sync': { ...idle, active: 0 }, 'http-delivery': { ...idle, active: 2 } }),
      stuck: () => ['source-sync'],
    };
    expect(await shown(worker)).toEqual([
      'holdfast_worker_consuming{queue="source-sync"} 0',
      'holdfast_worker_consuming{queue="http-delivery"} 1',
      'holdfast_worker_active_jobs{queue="source-sync"} 0',
      'holdfast_worker_active_jobs{queue="http-delivery"} 2',
    ]);
  });
});
