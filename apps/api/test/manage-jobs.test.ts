import { Consumer, PermanentError } from '@holdfast/queue';
import type { Handler, QueueDefinition } from '@holdfast/queue';
import { eventually, Latch } from '@holdfast/testing';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

describe('managing jobs over REST', () => {
  let api: Api;
  const queue = '/v1/queues/http-delivery';
  const data = { url: 'https://example.com/hook' };
  const consumers: Consumer[] = [];
  beforeAll(async () => {
    api = await startApi();
  });
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
    await post('/drain', { delayed: true });
    for (const state of ['completed', 'failed']) await post('/clean', { state });
  });
  afterAll(() => api.close());

  const get = (path: string) => api.app.inject(`${queue}${path}`);
  const post = (path: string, payload?: object) =>
    api.app.inject({ method: 'POST', url: `${queue}${path}`, ...(payload && { payload }) });
  const add = async (jobId: string, options: object = {}, name = 'hook'): Promise<void> => {
    const answer = await post('/jobs', { name, data, options: { jobId, attempts: 1, ...options } });
    expect(answer.statusCode, answer.payload).toBe(201);
  };
  const consume = async (handler: Handler): Promise<void> => {
    const definition: QueueDefinition = api.runtime.parts.queues.queues.definition('http-delivery');
    const consumer = new Consumer({ backend: api.runtime.parts.queues.backend, definition, handler });
    consumers.push(consumer);
    await consumer.start();
  };
  const fail = async (...ids: string[]): Promise<void> => {
    for (const id of ids) await add(id);
    await consume(async () => {
      throw new PermanentError('gone', { code: 'GONE_FOR_GOOD' });
    });
    await eventually(async () => {
      const { counts } = (await get('')).json<{ counts: { failed: number } }>();
      expect(counts.failed).toBe(ids.length);
    });
    await Promise.all(consumers.splice(0).map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
  };
  const problem = (answer: LightMyRequestResponse): ProblemBody => answer.json<ProblemBody>();

  it('lists the jobs of a state page by page, and by name', async () => {
    for (let n = 1; n <= 5; n += 1) await add(`listed-${n}`, { delay: `${n}h` }, n === 4 ? 'special' : 'hook');
    const ids: string[] = [];
    let cursor = '';
    let pages = 0;
    do {
      const answer = await get(`/jobs?state=delayed&limit=2${cursor && `&cursor=${cursor}`}`);
      expect(answer.statusCode, answer.payload).toBe(200);
      const page = answer.json<{ jobs: { id: string; state: string; data: object }[]; cursor: string | null }>();
      for (const job of page.jobs) expect(job).toMatchObject({ state: 'delayed', data });
      ids.push(...page.jobs.map(({ id }) => id));
      cursor = page.cursor ?? '';
      pages += 1;
    } while (cursor !== '');
    expect(ids).toEqual([1, 2, 3, 4, 5].map((n) => `listed-${n}`));
    expect(pages).toBe(3);
    const named = (await get('/jobs?name=special')).json<{ jobs: { id: string }[] }>();
    expect(named.jobs.map(({ id }) => id)).toEqual(['listed-4']);
  });

  it.each([
    ['query.state', '/jobs?state=paused'],
    ['query.limit', '/jobs?limit=0'],
    ['query.limit', '/jobs?limit=1001'],
    ['query.cursor', '/jobs?cursor=x'],
    ['query.cursor', `/jobs?state=failed&cursor=${Buffer.from('delayed').toString('base64url')}`],
    ['query.order', '/jobs?order=down'],
    ['query.cursor', '/dead-letters?cursor=x'],
    ['query.limit', '/dead-letters?limit=101'],
  ])('refuses a wrong %s: %s', async (path, url) => {
    const answer = await get(url);
    expect(answer.statusCode).toBe(400);
    expect(problem(answer).errors?.map((issue) => issue.path)).toContain(path);
  });

  it('removes a job', async () => {
    await add('unwanted');
    const remove = () => api.app.inject({ method: 'DELETE', url: `${queue}/jobs/unwanted` });
    const removed = await remove();
    expect(removed.statusCode).toBe(204);
    expect(removed.payload).toBe('');
    expect((await get('/jobs/unwanted')).statusCode).toBe(404);
    expect((await remove()).statusCode).toBe(404);
  });

  it('promotes a delayed job, and says so when it is not', async () => {
    await add('early', { delay: '1h' });
    const promoted = await post('/jobs/early/promote');
    expect(promoted.statusCode).toBe(200);
    expect(promoted.json()).toEqual({ id: 'early', queue: 'http-delivery', state: 'prioritized' });
    const again = await post('/jobs/early/promote');
    expect(again.statusCode).toBe(409);
    expect(problem(again)).toMatchObject({ code: 'JOB_STATE_CONFLICT' });
  });

  it('lets a failed job run again, and only that', async () => {
    await fail('second-chance');
    expect((await post('/jobs/second-chance/promote')).statusCode).toBe(409);
    const retried = await post('/jobs/second-chance/retry');
    expect(retried.statusCode, retried.payload).toBe(200);
    expect(retried.json()).toMatchObject({ state: 'prioritized' });
    expect(problem(await post('/jobs/second-chance/retry'))).toMatchObject({ code: 'JOB_STATE_CONFLICT' });
    await consume(async () => ({ status: 200 }));
    expect((await get('/jobs/second-chance?wait=30s')).json()).toMatchObject({ state: 'completed' });
  });

  it('cancels a job that waits, one that runs, and none that has ended', async () => {
    await add('waits', { delay: '1h' });
    const cancelled = await post('/jobs/waits/cancel', { reason: 'not needed' });
    expect(cancelled.statusCode, cancelled.payload).toBe(200);
    const before = (await get('/jobs/waits')).json();
    // Without a worker its end may still be on the way.
    expect(['failed', 'prioritized', 'waiting']).toContain((before as { state: string }).state);
    let told: unknown;
    const started = new Latch();
    await consume(async ({ signal }) => {
      started.open();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      told = signal.reason;
    });
    await add('runs');
    await started.wait();
    expect((await post('/jobs/runs/cancel')).statusCode).toBe(200);
    for (const id of ['waits', 'runs']) {
      expect((await get(`/jobs/${id}?wait=30s`)).json(), id).toMatchObject({
        state: 'failed',
        error: { code: 'JOB_CANCELLED' },
      });
      expect((await post(`/jobs/${id}/cancel`)).statusCode).toBe(409);
    }
    expect(told).toBeInstanceOf(Error);
    expect((await post('/jobs/waits/cancel', { reason: '' })).statusCode).toBe(400);
  });

  it.each(['retry', 'promote', 'cancel'])('knows no job to %s that is not there', async (action) => {
    for (const id of ['absent', 'meta', 'a%3Ab']) {
      const answer = await post(`/jobs/${id}/${action}`);
      expect(answer.statusCode).toBe(404);
      expect(problem(answer)).toMatchObject({ code: 'JOB_NOT_FOUND' });
    }
  });

  it('pauses and resumes a queue', async () => {
    const paused = await post('/pause');
    expect(paused.statusCode).toBe(200);
    expect(paused.json()).toMatchObject({ name: 'http-delivery', paused: true });
    expect((await post('/resume')).json()).toMatchObject({ paused: false });
  });

  it('drains a queue of what waits, and of what is delayed when asked to', async () => {
    await add('waits');
    await add('later', { delay: '1h' });
    expect((await post('/drain')).json()).toEqual({ removed: 1 });
    expect((await post('/drain', { delayed: true })).json()).toEqual({ removed: 1 });
    expect((await post('/drain', { delayed: 'yes' })).statusCode).toBe(400);
  });

  it('cleans a queue of what has ended so long ago', async () => {
    await fail('old', 'older');
    expect((await post('/clean', { state: 'failed', olderThan: '1h' })).json()).toEqual({ removed: 0 });
    expect((await post('/clean', { state: 'failed', limit: 1 })).json()).toEqual({ removed: 1 });
    expect((await post('/clean', { state: 'failed', olderThan: 0 })).json()).toEqual({ removed: 1 });
    for (const body of [{}, { state: 'active' }, { state: 'failed', olderThan: 'x' }, { state: 'failed', limit: 0 }]) {
      expect((await post('/clean', body)).statusCode, JSON.stringify(body)).toBe(400);
    }
  });

  it('shows dead letters, redrives some or all of them, and removes them', async () => {
    await fail('one', 'two', 'three');
    const first = (await get('/dead-letters?limit=2')).json<{ jobs: object[]; cursor: string }>();
    expect(first.jobs).toMatchObject([
      { error: { code: 'GONE_FOR_GOOD', message: 'gone' }, attemptsMade: 1, failedAt: expect.any(String) },
      { queue: 'http-delivery' },
    ]);
    const rest = (await get(`/dead-letters?cursor=${first.cursor}`)).json<{ jobs: object[]; cursor: null }>();
    expect(rest).toMatchObject({ jobs: [{ data }], cursor: null });
    expect((await post('/dead-letters/redrive', { ids: ['one', 'absent'] })).json()).toMatchObject({
      redriven: 1,
      failed: 1,
      errors: [{ id: 'absent', code: 'JOB_NOT_FOUND' }],
    });
    expect((await post('/dead-letters/clean', { ids: ['two'] })).json()).toMatchObject({ removed: 1 });
    expect((await post('/dead-letters/redrive')).json()).toMatchObject({ redriven: 1, failed: 0, remaining: 0 });
    expect((await post('/dead-letters/clean')).json()).toEqual({ removed: 0, remaining: 0 });
    for (const body of [{ ids: [] }, { ids: [1] }, { ids: ['a'], limit: 1 }, { limit: 0 }, { all: true }]) {
      expect((await post('/dead-letters/redrive', body)).statusCode, JSON.stringify(body)).toBe(400);
    }
  });

  it('knows the queues that there are', async () => {
    const url = '/v1/queues/nope';
    for (const path of ['/pause', '/resume', '/drain', '/jobs/x/retry', '/dead-letters/redrive']) {
      const answer = await api.app.inject({ method: 'POST', url: `${url}${path}` });
      expect(problem(answer), path).toMatchObject({ status: 404, code: 'QUEUE_UNKNOWN' });
    }
    for (const path of ['/jobs', '/dead-letters']) {
      expect(problem(await api.app.inject(`${url}${path}`))).toMatchObject({ code: 'QUEUE_UNKNOWN' });
    }
  });
});
