import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Worker } from 'node:worker_threads';
import { eventually, Latch } from '@holdfast/testing';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Consumer, defineQueue, Queues } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import type { QueueAvailabilityEvent, QueueBackend } from '../../src/index.ts';

const definition = defineQueue({
  name: 'steady',
  description: 'For the test of a database thread that dies.',
  payload: Type.Object({ n: Type.Integer() }),
  attempts: 3,
  timeoutMs: 60_000,
  concurrency: 2,
  retention: { completed: {}, failed: {} },
});

/** Notes the threads that the database runs on: nothing else gets requests here. */
const threads = new Set<Worker>();
// oxlint-disable-next-line typescript/unbound-method -- it is called with the thread that it belongs to
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (this: Worker, ...args: Parameters<Worker['postMessage']>) {
  threads.add(this);
  return post.apply(this, args);
};
const killThread = async (): Promise<void> => {
  const [thread] = [...threads].slice(-1);
  await thread?.terminate();
};

describe('the embedded queue, when the thread of its database dies', () => {
  let directory: string;
  let backend: QueueBackend;
  let queues: Queues;
  const seen: QueueAvailabilityEvent[] = [];
  const note = (event: unknown): void => void seen.push(event as QueueAvailabilityEvent);
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-thread-'));
    backend = await createEmbeddedBackend({ directory });
    queues = new Queues({ backend, definitions: [definition] });
    subscribe('holdfast:queue:availability', note);
  });
  afterAll(async () => {
    unsubscribe('holdfast:queue:availability', note);
    await queues.close();
    await rm(directory, { recursive: true, force: true });
    Worker.prototype.postMessage = post;
  });
  const backAgain = async (): Promise<void> => eventually(() => expect(backend.status).toEqual({ available: true }));

  it('says so, refuses, and goes on by itself with all that it had acknowledged', async () => {
    let returned = 0;
    const stop = backend.onReturn(() => (returned += 1));
    const { id } = await queues.add('steady', { data: { n: 1 }, options: { delayMs: 3_600_000 } });
    await killThread();
    expect(backend.status).toEqual({ available: false, reason: expect.stringMatching(/thread died/) });
    await expect(queues.add('steady', { data: { n: 2 } })).rejects.toMatchObject({ status: 503 });
    await backAgain();
    expect(await queues.get('steady', id)).toMatchObject({ state: 'delayed', data: { n: 1 } });
    expect(seen.map(({ available }) => available).slice(-2)).toEqual([false, true]);
    expect(returned).toBe(1);
    stop();
  });

  it('runs no job twice that was running meanwhile, and takes the next ones up', async () => {
    const started: number[] = [];
    const mayEnd = new Latch();
    const consumer = new Consumer({
      backend,
      definition,
      handler: async ({ data }) => {
        started.push(data.n);
        if (data.n === 1) await mayEnd.wait();
        return 'done';
      },
    });
    await consumer.start();
    const first = await queues.add('steady', { data: { n: 1 } });
    await eventually(() => expect(started).toEqual([1]));
    await killThread();
    await backAgain();
    mayEnd.open();
    const second = await queues.add('steady', { data: { n: 2 } });
    for (const { id } of [first, second]) {
      await eventually(async () =>
        expect(await queues.get('steady', id)).toMatchObject({ state: 'completed', result: 'done' }),
      );
    }
    expect(started).toEqual([1, 2]);
    await consumer.close({ timeoutMs: 3000 });
  });

  it('can be closed while it is away', async () => {
    await killThread();
    await queues.close();
    const again = await createEmbeddedBackend({ directory });
    expect(again.status).toEqual({ available: true });
    await again.close();
  });
});
