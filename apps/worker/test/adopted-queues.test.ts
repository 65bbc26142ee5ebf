import { createRedisBackend } from '@holdfast/queue';
import { eventually, startReceiver, uniquePrefix, useRedis, type Receiver } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestWorker, type TestWorker } from './fixture.ts';

const { host, port, db } = useRedis();

/** `QUEUE_PREFIX`: the queues of a program that has only ever heard of BullMQ. */
describe('a worker on the queues of another program', () => {
  const prefix = uniquePrefix('bull');
  const others = createRedisBackend({ target: { kind: 'standalone', host, port, db: db ?? 0 }, prefix });
  /** BullMQ's own add, without anything of ours. */
  const plainAdd = async (data: object, jobId: string): Promise<unknown> =>
    others.open('invoices').call((bullmq) => bullmq.add('print', data, { jobId }));
  let receiver: Receiver;
  let worker: TestWorker;
  beforeAll(async () => {
    receiver = await startReceiver();
    // Before anybody has heard of Holdfast.
    await plainAdd({ invoice: 1 }, 'before');
    worker = await createTestWorker({
      env: { QUEUE_PREFIX: prefix },
      yaml: `
queues:
  invoices:
    url: ${receiver.url}/print
    attempts: 2
`,
    });
  });
  afterAll(async () => {
    await worker.close();
    await others.close();
    await receiver.close();
  });

  it('delivers what was added before it came, and after', async () => {
    const { queues } = worker.runtime.parts.queues;
    expect(await queues.summary('invoices')).toMatchObject({ prefix, counts: { waiting: 1 } });
    await worker.worker.start();
    expect(await worker.ended('invoices', 'before')).toMatchObject({ state: 'completed', result: { status: 204 } });
    await plainAdd({ invoice: 2 }, 'after');
    expect(await worker.ended('invoices', 'after')).toMatchObject({ state: 'completed' });
    expect(receiver.received.map(({ body }) => JSON.parse(body))).toEqual([{ invoice: 1 }, { invoice: 2 }]);
  });

  it('adds jobs that the other program sees in its queue', async () => {
    const { id } = await worker.run('invoices', { invoice: 3 });
    await eventually(async () =>
      expect(await others.open('invoices').call((bullmq) => bullmq.getJobState(id))).toBe('completed'),
    );
  });
});
