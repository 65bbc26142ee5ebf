import { eventually, startRedis, type RedisServer } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApi, type Api, type ProblemBody } from './fixture.ts';

const url = '/v1/queues/http-delivery/jobs';
const data = { url: 'https://example.com/hook' };

describe('POST of a job while Redis is away', () => {
  let redis: RedisServer;
  let api: Api;
  const add = async (body: object = {}) => api.app.inject({ method: 'POST', url, payload: { data, ...body } });
  const health = async () => (await api.app.inject('/health')).json<{ status: string; outbox: object | null }>();

  beforeAll(async () => {
    redis = await startRedis();
  });
  beforeEach(async () => {
    api = await startApi({ redis });
    await eventually(async () => expect((await add()).statusCode).toBe(201));
  });
  afterEach(async () => api.close());
  afterAll(async () => redis.stop());

  it('answers 202 and where the job is, follows it there, and says 201 again when Redis is back', async () => {
    expect(await health()).toMatchObject({ outbox: { waiting: 0, setAside: 0, accepting: true } });
    await redis.kill();
    await eventually(async () => expect((await add()).statusCode).toBe(202));
    const answer = await add({ name: 'hello', options: { jobId: 'order-7' } });
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toEqual({ id: 'order-7', queue: 'http-delivery', accepted: 'outbox' });
    const location = String(answer.headers['location']);
    expect(location).toBe(`${url}/order-7`);
    const view = { id: 'order-7', name: 'hello', state: 'outbox', data, attemptsMade: 0 };
    expect((await api.app.inject(location)).json()).toMatchObject(view);
    expect((await api.app.inject(`${location}?wait=20ms`)).json()).toMatchObject(view);
    const again = await add({ options: { jobId: 'order-7' } });
    expect(again.statusCode).toBe(200);
    expect(again.json()).toEqual({ id: 'order-7', queue: 'http-delivery', state: 'outbox', duplicate: true });
    const report = await health();
    expect(report.status).toBe('degraded');
    expect(report.outbox).toMatchObject({
      waiting: 2,
      accepting: true,
      reason: expect.stringMatching(/Redis/) as unknown,
    });
    const during = await api.metrics.text();
    expect(during).toMatch(/^holdfast_outbox_jobs\{state="waiting"\} 2$/m);
    expect(during).toMatch(/^holdfast_outbox_jobs_total\{queue="http-delivery",event="accepted"\} 2$/m);
    expect(during).toMatch(/^holdfast_outbox_accepting 1$/m);

    await redis.start();
    await eventually(async () => expect(await health()).toMatchObject({ status: 'ok', outbox: { waiting: 0 } }));
    expect((await api.app.inject(location)).json()).toMatchObject({ id: 'order-7', state: 'prioritized' });
    expect((await add()).statusCode).toBe(201);
    expect(await api.metrics.text()).toMatch(
      /^holdfast_outbox_jobs_total\{queue="http-delivery",event="forwarded"\} 2$/m,
    );
  });

  it('keeps each of many jobs that is right, and says so of each', async () => {
    const bulk = async (body: object) => api.app.inject({ method: 'POST', url: `${url}/bulk`, payload: body });
    await redis.kill();
    const answer = await bulk({
      jobs: [
        { data, options: { jobId: 'many-1' } },
        { data: { url: 7 } },
        { data, options: { jobId: 'many-1' } },
        { data, name: '' },
        { data, options: { jobId: 'many-2', delay: '1h' } },
      ],
      spread: '50s',
    });
    expect(answer.statusCode).toBe(200);
    const { items, ...counts } = answer.json<{ items: { error?: { code: string } }[] }>();
    expect(counts).toEqual({ accepted: 2, duplicates: 1, rejected: 2 });
    expect(items.map(({ error, ...item }) => ({ ...item, ...(error && { code: error.code }) }))).toEqual([
      { index: 0, id: 'many-1', status: 'accepted', state: 'outbox' },
      { index: 1, status: 'rejected', code: 'JOB_INVALID' },
      { index: 2, id: 'many-1', status: 'duplicate', state: 'outbox' },
      { index: 3, status: 'rejected', code: 'REQUEST_INVALID' },
      { index: 4, id: 'many-2', status: 'accepted', state: 'outbox' },
    ]);
    expect((await api.app.inject(`${url}/many-1`)).json()).toMatchObject({ state: 'outbox', data });
    await redis.start();
    await eventually(async () => expect(await health()).toMatchObject({ outbox: { waiting: 0 } }));
    expect((await api.app.inject(`${url}/many-1`)).json()).toMatchObject({ state: 'prioritized' });
    expect((await api.app.inject(`${url}/many-2`)).json()).toMatchObject({ state: 'delayed' });
    expect((await bulk({ jobs: [{ data }] })).json()).toMatchObject({ items: [{ index: 0, status: 'accepted' }] });
  });

  it('takes a job back that was not sent', async () => {
    await redis.kill();
    await eventually(async () => expect((await add()).statusCode).toBe(202));
    const location = String((await add({ options: { jobId: 'regretted' } })).headers['location']);
    const retried = await api.app.inject({ method: 'POST', url: `${location}/retry` });
    expect(retried.statusCode).toBe(409);
    expect(retried.json()).toMatchObject({
      code: 'JOB_STATE_CONFLICT',
      detail: expect.stringMatching(/outbox/) as unknown,
    });
    expect((await api.app.inject({ method: 'DELETE', url: location })).statusCode).toBe(204);
    expect(await health()).toMatchObject({ outbox: { waiting: 1 } });
    await redis.start();
    await eventually(async () => expect(await health()).toMatchObject({ outbox: { waiting: 0 } }));
    expect((await api.app.inject(location)).statusCode).toBe(404);
  });

  it('refuses what is wrong as ever, and takes nothing of it', async () => {
    await redis.kill();
    const wrong = await api.app.inject({ method: 'POST', url, payload: { data: { url: 7 } } });
    expect(wrong.statusCode).toBe(422);
    expect(wrong.json<ProblemBody>()).toMatchObject({ code: 'JOB_INVALID', errors: [{ path: '/data/url' }] });
    expect((await api.app.inject({ method: 'POST', url: '/v1/queues/none/jobs', payload: { data } })).statusCode).toBe(
      404,
    );
    expect((await add({ options: { jobId: '7' } })).statusCode).toBe(400);
    expect(await health()).toMatchObject({ outbox: { waiting: 0 } });
    await redis.start();
  });
});

describe('POST of a job while Redis is away and the outbox is full', () => {
  it('answers 503, when to try again, and which bound it is', async () => {
    const redis = await startRedis();
    const api = await startApi({
      redis,
      adjust: (config) => ({ ...config, queues: { ...config.queues, outbox: { maxJobs: 2 } } }),
    });
    const add = async () => api.app.inject({ method: 'POST', url, payload: { data } });
    await eventually(async () => expect((await add()).statusCode).toBe(201));
    await redis.kill();
    await eventually(async () => expect((await add()).statusCode).toBe(202));
    const bulk = async (count: number) =>
      api.app.inject({
        method: 'POST',
        url: `${url}/bulk`,
        payload: { jobs: Array.from({ length: count }, () => ({ data })) },
      });
    const partly = await bulk(3);
    expect(partly.statusCode).toBe(200);
    expect(partly.json()).toMatchObject({
      accepted: 1,
      rejected: 2,
      items: [{ status: 'accepted' }, { error: { code: 'OUTBOX_FULL' } }, { error: { code: 'OUTBOX_FULL' } }],
    });
    const none = await bulk(3);
    expect(none.statusCode).toBe(503);
    expect(none.headers['retry-after']).toBe('5');
    expect(none.json()).toMatchObject({ code: 'OUTBOX_FULL' });
    const refused = await add();
    expect(refused.statusCode).toBe(503);
    expect(refused.headers['retry-after']).toBe('5');
    expect(refused.json()).toMatchObject({ code: 'OUTBOX_FULL', detail: expect.stringMatching(/2 jobs/) as unknown });
    expect((await api.app.inject('/health')).json()).toMatchObject({ outbox: { waiting: 2, accepting: false } });
    expect(await api.metrics.text()).toMatch(/^holdfast_outbox_accepting 0$/m);
    await api.close();
    await redis.stop();
  });
});
