import { Consumer, type QueueDefinition } from '@holdfast/queue';
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

  it('takes de-duplication and a bound for the wait', async () => {
    const options = { deduplication: { id: 'burst', ttl: '1m' }, waitingTtl: '30s', delay: '1h' };
    const { id } = (await add({ options })).json<{ id: string }>();
    const second = await add({ options });
    expect(second.statusCode).toBe(200);
    expect(second.json()).toMatchObject({ id, duplicate: true });
    for (const wrong of [{ deduplication: { id: '' } }, { deduplication: { id: 'a', mode: 'x' } }, { waitingTtl: 0 }]) {
      expect((await add({ options: wrong })).statusCode, JSON.stringify(wrong)).toBe(400);
    }
    const incomplete = await add({ options: { deduplication: { id: 'a', mode: 'debounce' } } });
    expect(incomplete.json()).toMatchObject({ status: 400, errors: [{ path: '/options/deduplication/ttl' }] });
  });

  describe('many at once', () => {
    const bulk = (payload: object) => api.app.inject({ method: 'POST', url: `${url}/bulk`, payload });

    it('adds what is right and says what is wrong with the rest', async () => {
      await add({ options: { jobId: 'bulk-there', delay: '1h' } });
      const answer = await bulk({
        jobs: [
          { data, options: { jobId: 'bulk-1', delay: '1h' } },
          { data: { url: 5 } },
          { data, options: { jobId: 'bulk-there' } },
          { data, options: { delay: 'soon' } },
          { data, other: 1 },
          null,
          { data, name: 'named', options: { delay: '1h' } },
        ],
      });
      expect(answer.statusCode, answer.payload).toBe(200);
      expect(answer.json()).toMatchObject({
        accepted: 2,
        duplicates: 1,
        rejected: 4,
        items: [
          { index: 0, id: 'bulk-1', status: 'accepted' },
          { index: 1, status: 'rejected', error: { code: 'JOB_INVALID', errors: [{ path: '/data/url' }] } },
          { index: 2, id: 'bulk-there', status: 'duplicate' },
          { index: 3, status: 'rejected', error: { code: 'REQUEST_INVALID', errors: [{ path: '/options/delay' }] } },
          { index: 4, status: 'rejected', error: { code: 'REQUEST_INVALID', errors: [{ path: '/other' }] } },
          { index: 5, status: 'rejected', error: { code: 'REQUEST_INVALID' } },
          { index: 6, status: 'accepted', id: expect.any(String) },
        ],
      });
    });

    it('adds 10,000 in one call, spread over some time', async () => {
      const jobs = Array.from({ length: 10_000 }, (_, n) => ({ data, options: { jobId: `spread-${n}` } }));
      const answer = await bulk({ jobs, spread: '10h' });
      expect(answer.json()).toMatchObject({ accepted: 10_000, duplicates: 0, rejected: 0 });
      const { jobs: first } = (await api.app.inject(`${url}?state=delayed&name=http-delivery&limit=1000`)).json<{
        jobs: { id: string }[];
      }>();
      expect(first.map(({ id }) => id)).toContain('spread-500');
      await api.runtime.parts.queues.queues.admin.drain('http-delivery', { delayed: true });
    });

    it('refuses more, and what is no list of jobs', async () => {
      for (const body of [
        { jobs: Array.from({ length: 10_001 }, () => ({})) },
        {},
        { jobs: {} },
        { jobs: [], spread: -1 },
      ]) {
        expect((await bulk(body)).statusCode).toBe(400);
      }
      expect((await bulk({ jobs: [] })).json()).toEqual({ accepted: 0, duplicates: 0, rejected: 0, items: [] });
    });
  });

  it('answers a wait as soon as the job has finished', async () => {
    const { id } = (await add({})).json<{ id: string }>();
    const release = new Latch();
    const consumer = new Consumer<QueueDefinition>({
      backend: api.runtime.parts.queues.backend,
      definition: api.runtime.parts.queues.queues.definition('http-delivery'),
      handler: async () => {
        await release.wait();
        return { status: 204 };
      },
    });
    await consumer.start();
    const waiting = api.app.inject(`${url}/${id}?wait=30s`);
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
