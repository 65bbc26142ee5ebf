import { Consumer, type QueueDefinition } from '@holdfast/queue';
import { eventually, Latch } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';
import { hold } from './held-call.ts';
import { listen } from './raw-http.ts';

describe.each(['redis', 'embedded'] as const)(
  'waiting over a socket for a job that is not kept, in %s mode',
  (engine) => {
    let api: Api;
    let origin: string;
    let consumer: Consumer;
    const mayEnd = new Latch();
    beforeAll(async () => {
      api = await startApi({ engine });
      origin = `http://127.0.0.1:${await listen(api)}/v1/queues/http-delivery/jobs`;
      const { queues, backend } = api.runtime.parts.queues;
      consumer = new Consumer<QueueDefinition>({
        backend,
        definition: queues.definition('http-delivery'),
        handler: async ({ id }) => {
          await mayEnd.wait();
          if (id === 'fails') throw new Error('not today');
          return { done: true };
        },
      });
    });
    afterAll(async () => {
      await consumer.close({ timeoutMs: 3000 });
      await api.close();
    });

    it('tells its end, which the queue knows no more when it is asked again', async () => {
      const handle = api.runtime.parts.queues.backend.open('http-delivery');
      for (const jobId of ['ends', 'fails']) {
        const data = { url: 'https://example.com/' };
        const options = { jobId, attempts: 1, removeOnComplete: true, removeOnFail: true };
        await handle.call((queue) => queue.add('plain', data, options));
      }
      const seen = new Set<unknown>();
      const reads = hold(handle.jobs, 'read', (_count, args) => {
        for (const id of args) seen.add(id);
        return false;
      });
      const waits = ['ends', 'fails'].map(async (id) => (await fetch(`${origin}/${id}?wait=20s`)).json());
      // From then on each wait knows where its end would be told.
      await eventually(() => expect([...seen]).toEqual(expect.arrayContaining(['ends', 'fails'])));
      await Promise.all(reads.outcomes);
      reads.restore();
      await consumer.start();
      mayEnd.open();
      expect(await Promise.all(waits)).toMatchObject([
        { id: 'ends', state: 'completed', result: { done: true } },
        { id: 'fails', state: 'failed', error: { message: 'not today' } },
      ]);
      for (const id of ['ends', 'fails']) expect((await fetch(`${origin}/${id}`)).status).toBe(404);
    });
  },
);
