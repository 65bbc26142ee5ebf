import { afterAll, afterEach, beforeAll } from 'vitest';
import { Consumer, Queues } from '../src/index.ts';
import type { Handler, QueueBackend, QueueDefinition } from '../src/index.ts';

export interface QueuesTest {
  readonly backend: QueueBackend;
  readonly queues: Queues;
  /** Runs the jobs of a queue until the test ends. */
  readonly consume: (queue: string, handler: Handler) => Promise<Consumer>;
}

/** Queues on a backend for all tests of a `describe`, and consumers for each. */
export function useQueues(create: () => Promise<QueueBackend>, definitions: readonly QueueDefinition[]): QueuesTest {
  let open: { readonly backend: QueueBackend; readonly queues: Queues } | undefined;
  const consumers: Consumer[] = [];
  const opened = () => {
    if (open === undefined) throw new Error('Only within a test.');
    return open;
  };
  beforeAll(async () => {
    const backend = await create();
    open = { backend, queues: new Queues({ backend, definitions }) };
  });
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
  });
  afterAll(async () => open?.queues.close());
  return {
    get backend() {
      return opened().backend;
    },
    get queues() {
      return opened().queues;
    },
    async consume(queue, handler) {
      const { backend, queues } = opened();
      const consumer = new Consumer({ backend, definition: queues.definition(queue), handler });
      consumers.push(consumer);
      await consumer.start();
      return consumer;
    },
  };
}
