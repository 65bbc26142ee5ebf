import { Consumer } from '@holdfast/queue';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Latch } from '@holdfast/testing';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';

describe('jobs over REST', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());

  const url = '/v1/queues/http-delivery/jobs';
  const data = { url: 'https://example.com/hook' };
  const add = (body: object) => api.app.inject({ method: 'POST', url, payload: { data, ...body } });

  it('adds a job and says where it is', async () => {
    const answer = await add({ name: 'hello' });
    expect(answer.statusCode).toBe(201);
    const job = answer.json<{ id: string }>();
    expect(job).toMatchObject({ queue: 'http-delivery', duplicate: false });
    expect(answer.headers['location']).toBe(`${url}/${job.id}`);
    const stored = await api.app.inject(String(answer.headers['location']));
    expect(stored.json()).toMatchObject({ id: job.id, name: 'hello', data, attemptsMade: 0 });
  });

  it('adds a job with a given id once', async () => {
    const options = { jobId: 'order-7', delay: '1h', priority: 'high', backoff: { type: 'fixed', delay: '5s' } };
    expect((await add({ options })).statusCode).toBe(201);
    const second = await add({ options });
    expect(second.statusCode).toBe(200);
    expect(second.json()).toMatchObject({ id: 'order-7', duplicate: true });
    expect((await api.app.inject(`${url}/order-7`)).json()).toMatchObject({ state: 'delayed' });
  });

  it.each(['meta', 'wait', 'id', 'repeat', 'de'])('does not let a job take the key %j of its queue', async (jobId) => {
    const answer = await add({ options: { jobId } });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ errors: [{ path: '/options/jobId' }] });
  });

  it('answers a wait as soon as the job has finished', async () => {
    const { id } = (await add({})).json<{ id: string }>();
    const release = new Latch();
    const consumer = new Consumer({
      backend: api.runtime.queueBackend,
      definition: api.runtime.queues.definition('http-delivery'),
      handler: async () => {
        await release.wait();
        return { status: 204 };
      },
    });
    await consumer.start();
    const waiting = api.app.inject(`${url}/${id}?wait=15s`);
    release.open();
    expect((await waiting).json()).toMatchObject({ state: 'completed', result: { status: 204 } });
    await consumer.close({ timeoutMs: 5000 });
  });

  it('answers a wait in time when the job has not finished', async () => {
    const { id } = (await add({ options: { delay: '1h' } })).json<{ id: string }>();
    const answer = await api.app.inject(`${url}/${id}?wait=50ms`);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ state: 'delayed' });
  });

  it('shows the queues with their backlog and policy', async () => {
    const { queues } = (await api.app.inject('/v1/queues')).json<{ queues: { name: string }[] }>();
    expect(queues.map(({ name }) => name)).toEqual(['source-sync', 'http-delivery']);
    const one = (await api.app.inject('/v1/queues/http-delivery')).json();
    expect(one).toMatchObject({ name: 'http-delivery', paused: false, policy: { attempts: 8 } });
    expect(one).toHaveProperty('counts.delayed');
  });

  it.each(['meta', 'wait', 'events', 'id', 'order-7:logs', '../x', '%2e', 'a:b', '__proto__', '1'])(
    'finds no job under %j',
    async (id) => {
      const answer = await api.app.inject(`${url}/${encodeURIComponent(id)}`);
      expect(answer.statusCode, answer.payload).toBe(404);
    },
  );
});
