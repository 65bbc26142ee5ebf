import { describe, expect, it } from 'vitest';
import type { AddedJob, NewJob } from '../../src/job/new-job.ts';
import { AddBatcher } from '../../src/producing/add-batcher.ts';

const job = (n: number): NewJob => ({ id: `${n}`, name: 'job', data: n, json: `${n}`, options: {} });
const stored = ({ id }: NewJob): AddedJob => ({ id, state: 'prioritized', existed: false });

/** Of commands that are answered when the test says so. */
function batcherWithLatch() {
  const sizes: number[] = [];
  const answered = Promise.withResolvers<void>();
  const batcher = new AddBatcher({
    queue: 'numbers',
    maxJobs: 50,
    send: async (jobs) => {
      sizes.push(jobs.length);
      await answered.promise;
      return jobs.map((one) => stored(one));
    },
  });
  return { batcher, sizes, answer: answered.resolve };
}

describe('jobs that are added in one turn of the event loop', () => {
  it('are one command where one callback adds them', async () => {
    const { batcher, sizes, answer } = batcherWithLatch();
    const adding = Array.from({ length: 30 }, async (_, n) => batcher.add(job(n)));
    answer();
    expect(await Promise.all(adding)).toHaveLength(30);
    expect(sizes).toEqual([30]);
  });

  it('are two where many callbacks do: an idle store begins with the first, and gets the rest together', async () => {
    const { batcher, sizes, answer } = batcherWithLatch();
    // Each in a callback of its own, like the requests that are read from many sockets.
    const adding = Array.from(
      { length: 40 },
      async (_, n) =>
        new Promise<AddedJob>((resolve, reject) => {
          setImmediate(() => void batcher.add(job(n)).then(resolve, reject));
        }),
    );
    // The turn after theirs has ended as well.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(sizes).toEqual([8, 32]);
    answer();
    expect((await Promise.all(adding)).map(({ id }) => id)).toEqual(Array.from({ length: 40 }, (_, n) => `${n}`));
  });
});
