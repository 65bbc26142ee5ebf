import { eventually, uniquePrefix, useRedis } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Consumer, createRedisBackend, defineQueue, Queues, type JobView, type QueueBackend } from '../../src/index.ts';

const definition = defineQueue({
  name: 'threads',
  description: 'Its jobs block.',
  payload: Type.Object({ n: Type.Integer(), tag: Type.Optional(Type.String()) }),
  attempts: 1,
  timeoutMs: 60_000,
  concurrency: 3,
  retention: { completed: {}, failed: {} },
});

describe('a handler in a thread', () => {
  let backend: QueueBackend;
  let queues: Queues;
  let consumer: Consumer;
  beforeEach(async () => {
    const { host, port } = useRedis();
    const target = { kind: 'standalone', host, port } as const;
    backend = createRedisBackend({ target, keyPrefix: uniquePrefix('threads') });
    queues = new Queues({ backend, definitions: [definition] });
    const thread = new URL('../fixtures/thread-handler.ts', import.meta.url);
    const handler = { thread, resourceLimits: { maxOldGenerationSizeMb: 64 } };
    consumer = new Consumer({ backend, definition, handler });
    await consumer.start();
  });
  afterEach(async () => {
    await consumer.close({ timeoutMs: 3000 });
    await queues.close();
  });

  const run = async (data: object, options: object = {}): Promise<JobView | undefined> => {
    const { id } = await queues.add('threads', { data, options });
    return queues.get('threads', id, { waitMs: 30_000 });
  };

  it('gets the job, stores progress, and returns a result; a thread serves many jobs', async () => {
    const first = await run({ n: 10 }, { jobId: 'first' });
    expect(first).toMatchObject({ state: 'completed', progress: 100, result: { id: 'first', sum: 55 } });
    const ended = await Promise.all([1, 2, 3, 4, 5].map(async (n) => run({ n })));
    expect(ended.map((job) => job?.result)).toMatchObject([1, 3, 6, 10, 15].map((sum) => ({ sum })));
  });

  it('leaves the event loop free, and is terminated at the timeout, whatever it does', async () => {
    // Starts the thread, which takes longer than the timeout that follows.
    await run({ n: 1 });
    expect(await run({ n: 1, tag: 'spin' }, { timeoutMs: 5000 })).toMatchObject({
      state: 'failed',
      error: { code: 'JOB_TIMEOUT' },
      logs: ['spinning'],
    });
    expect(await run({ n: 2 })).toMatchObject({ state: 'completed' });
  });

  it('is terminated when its job is cancelled', async () => {
    const { id } = await queues.add('threads', { data: { n: 1, tag: 'spin' } });
    await eventually(async () => expect(await queues.get('threads', id)).toMatchObject({ logs: ['spinning'] }));
    await queues.cancel('threads', id);
    expect(await queues.get('threads', id, { waitMs: 30_000 })).toMatchObject({ error: { code: 'JOB_CANCELLED' } });
  });

  it('is given what the children of its job came to', async () => {
    const child = (n: number, tag = 'sum') => ({
      queue: 'threads',
      data: { n, tag },
      options: { jobId: `child-${tag}` },
      onFailure: 'ignore' as const,
    });
    const { id } = await queues.addFlow({
      queue: 'threads',
      data: { n: 1, tag: 'children' },
      options: { jobId: 'parent' },
      children: [child(4), child(1, 'never')],
    });
    const parent = await queues.get('threads', id, { waitMs: 30_000 });
    expect(parent).toMatchObject({ state: 'completed' });
    expect(parent?.logs?.toSorted()).toEqual(['child-never: "NEVER"', 'child-sum: {"id":"child-sum","sum":10}']);
  });

  it('finds what was imported in its thread before it', async () => {
    await consumer.close({ timeoutMs: 3000 });
    const module = (code: string): URL => new URL(`data:text/javascript,${encodeURIComponent(code)}`);
    const handler = {
      preload: [module('globalThis.early = 3;'), module('globalThis.preloaded = globalThis.early + 4;')],
      thread: module('const found = globalThis.preloaded; export default async () => found;'),
    };
    consumer = new Consumer({ backend, definition, handler });
    await consumer.start();
    expect(await run({ n: 1 })).toMatchObject({ state: 'completed', result: 7 });
  });

  it('says when it is to run again', async () => {
    // The back-off of the queue, of which there is none, would have it fail a second time at once.
    const id = (await queues.add('threads', { data: { n: 1, tag: 'later' }, options: { attempts: 2 } })).id;
    await eventually(async () =>
      expect(await queues.get('threads', id)).toMatchObject({ state: 'delayed', error: { code: 'NOT_YET' } }),
    );
  });

  it.each([
    ['throw', { code: 'NOT_TODAY', message: 'not today' }],
    ['never', { code: 'NEVER', message: 'never' }],
    ['die', { code: 'JOB_FAILED', message: 'The thread of the job ended with code 7.' }],
    ['memory', { message: expect.stringContaining('memory') as unknown }],
  ])('fails its own job alone: %s', async (tag, error) => {
    const [bad, good] = await Promise.all([run({ n: 1, tag }), run({ n: 3 })]);
    expect(bad).toMatchObject({ state: 'failed', error });
    expect(good).toMatchObject({ state: 'completed', result: { sum: 6 } });
  });
});
