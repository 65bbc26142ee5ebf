import { Latch, uniquePrefix, useRedis } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues, type ConsumerOptions } from '../../src/index.ts';

const definition = defineQueue({
  name: 'heavy',
  description: 'Its jobs may keep the event loop.',
  payload: Type.Object({ n: Type.Integer() }),
  attempts: 1,
  timeoutMs: 20_000,
  concurrency: 2,
  retention: { completed: {}, failed: {} },
});

describe('whoever watches the event loop', () => {
  const { host, port } = useRedis();
  const target = { kind: 'standalone', host, port } as const;
  const backend = createRedisBackend({ target, keyPrefix: uniquePrefix('may-block') });
  const queues = new Queues({ backend, definitions: [definition] });
  const consumers: Consumer[] = [];
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map(async (consumer) => consumer.close({ timeoutMs: 2000 })));
  });
  afterAll(async () => queues.close());

  const events: string[] = [];
  const consume = async (handler: ConsumerOptions['handler']): Promise<void> => {
    events.length = 0;
    const mayBlock = (timeoutMs: number) => {
      events.push(`begins ${timeoutMs}`);
      return () => void events.push(`ended ${timeoutMs}`);
    };
    const consumer = new Consumer({ backend, definition, handler, mayBlock });
    consumers.push(consumer);
    await consumer.start();
  };
  const run = async (options: object = {}): Promise<string | undefined> => {
    const { id } = await queues.add('heavy', { data: { n: 1 }, options });
    return (await queues.get('heavy', id, { waitMs: 30_000 }))?.state;
  };

  it('is told before a handler is called, with the time-out of the job, and after it', async () => {
    await consume(() => {
      events.push('runs');
      return 1;
    });
    expect(await run()).toBe('completed');
    expect(await run({ timeoutMs: 5000 })).toBe('completed');
    expect(events).toEqual(['begins 20000', 'runs', 'ended 20000', 'begins 5000', 'runs', 'ended 5000']);
  });

  it('is told of the end of a run that fails, and of one that does not stop at its time-out', async () => {
    const door = new Latch();
    await consume(async ({ signal }) => {
      signal.addEventListener('abort', () => events.push('told to stop'));
      if (events.length > 1) await door.wait();
      throw new Error('broken');
    });
    expect(await run()).toBe('failed');
    expect(await run({ timeoutMs: 1000 })).toBe('failed');
    expect(events).toEqual(['begins 20000', 'ended 20000', 'begins 1000', 'told to stop', 'ended 1000']);
    door.open();
  });

  it('is told nothing of a handler in a thread', async () => {
    await consume({ thread: new URL('../fixtures/thread-handler.ts', import.meta.url) });
    expect(await run()).toBe('completed');
    expect(events).toEqual([]);
  });
});
