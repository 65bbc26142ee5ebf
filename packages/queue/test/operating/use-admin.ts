import type { JobOptions, QueueBackend, QueueCounts, QueueDefinition } from '../../src/index.ts';
import { useQueues, type QueuesTest } from '../use-queues.ts';

export interface AdminTest extends QueuesTest {
  /** Replies the id. */
  readonly add: (queue: string, n: number, options?: JobOptions, name?: string) => Promise<string>;
  readonly counts: (queue: string) => Promise<QueueCounts>;
}

export function useAdmin(create: () => Promise<QueueBackend>, definitions: readonly QueueDefinition[]): AdminTest {
  const test = useQueues(create, definitions);
  return {
    get backend() {
      return test.backend;
    },
    get queues() {
      return test.queues;
    },
    consume: test.consume,
    add: async (queue, n, options = {}, name = queue) =>
      (await test.queues.add(queue, { name, data: { n }, options })).id,
    counts: async (queue) => (await test.queues.summary(queue)).counts,
  };
}
