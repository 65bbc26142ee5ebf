import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

describe('schedules over REST', () => {
  let api: Api;
  const url = '/v1/queues/http-delivery/schedules';
  const job = { data: { url: 'https://example.com/hook' } };
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());

  const put = (id: string, payload: object) => api.app.inject({ method: 'PUT', url: `${url}/${id}`, payload });
  const get = (id: string) => api.app.inject(`${url}/${id}`);
  const remove = (id: string) => api.app.inject({ method: 'DELETE', url: `${url}/${id}` });

  it('are made, shown with their next runs, changed and removed', async () => {
    const made = await put('nightly', {
      pattern: '0 2 * * *',
      tz: 'Europe/Berlin',
      job: {
        ...job,
        name: 'report',
        options: { priority: 'low', timeout: '30s', backoff: { type: 'fixed', delay: '5s' } },
      },
    });
    expect(made.statusCode, made.payload).toBe(200);
    const schedule = made.json<{ next: string; upcoming: string[] }>();
    expect(schedule).toMatchObject({
      id: 'nightly',
      queue: 'http-delivery',
      pattern: '0 2 * * *',
      tz: 'Europe/Berlin',
      paused: false,
      job: {
        name: 'report',
        data: job.data,
        options: { priority: 'low', timeout: 30_000, backoff: { type: 'fixed', delay: 5000 } },
      },
    });
    expect(schedule.upcoming[0]).toBe(schedule.next);
    expect(schedule.upcoming).toHaveLength(5);
    const { schedules } = (await api.app.inject(url)).json<{ schedules: { id: string }[] }>();
    expect(schedules).toContainEqual(schedule);
    expect((await put('nightly', { every: '1h', job })).json()).toMatchObject({ every: 3_600_000 });
    expect((await get('nightly')).json()).not.toHaveProperty('pattern');
    expect((await remove('nightly')).statusCode).toBe(204);
    expect((await get('nightly')).json()).toMatchObject({ status: 404, code: 'SCHEDULE_NOT_FOUND' });
    expect((await remove('nightly')).statusCode).toBe(404);
  });

  it('are paused, and then have no next run', async () => {
    expect((await put('stops', { every: '1h', job, paused: true })).json()).toMatchObject({ paused: true, next: null });
    expect((await put('stops', { every: '1h', job })).json()).toMatchObject({
      paused: false,
      next: expect.any(String),
    });
  });

  it.each<[string, object, number]>([
    ['/pattern', { pattern: '61 * * * *', job }, 400],
    ['/pattern', { job }, 400],
    ['/tz', { pattern: '* * * * *', tz: 'Nowhere/Else', job }, 400],
    ['/every', { every: '1ms', job }, 400],
    ['/every', { every: 'soon', job }, 400],
    ['/job', { every: '1h' }, 400],
    ['/job/data/url', { every: '1h', job: { data: { url: 5 } } }, 422],
    ['/job/options/jobId', { every: '1h', job: { ...job, options: { jobId: 'mine' } } }, 400],
    ['/job/options/delay', { every: '1h', job: { ...job, options: { delay: '1s' } } }, 400],
    ['/job/options/timeout', { every: '1h', job: { ...job, options: { timeout: 'x' } } }, 400],
    ['/paused', { every: '1h', job, paused: 'no' }, 400],
  ])('says what is wrong at %s: %j', async (path, body, status) => {
    const answer = await put('wrong', body);
    expect(answer.statusCode, answer.payload).toBe(status);
    expect(answer.json<ProblemBody>().errors?.map((issue) => issue.path)).toContain(path);
  });

  it('belong to queues that there are, and have ids that can be', async () => {
    const nowhere = await api.app.inject({
      method: 'PUT',
      url: '/v1/queues/nope/schedules/a',
      payload: { every: '1h', job },
    });
    expect(nowhere.json()).toMatchObject({ status: 404, code: 'QUEUE_UNKNOWN' });
    expect((await put('a%3Ab', { every: '1h', job })).statusCode).toBe(400);
    expect((await get('a%3Ab')).statusCode).toBe(404);
  });
});
