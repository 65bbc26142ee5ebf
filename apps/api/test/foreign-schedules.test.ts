import { startRedis } from '@holdfast/testing';
import type { RedisServer } from '@holdfast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

interface Schedule {
  readonly id: string;
  readonly job: { readonly data: unknown };
  readonly damaged?: readonly string[];
}

const queue = 'http-delivery';
const url = `/v1/queues/${queue}/schedules`;
const job = { data: { url: 'https://example.com/hook' } };

describe.each(['redis', 'embedded'] as const)('schedules that are not all ours, in %s mode', (engine) => {
  let redis: RedisServer | undefined;
  let api: Api;
  beforeAll(async () => {
    if (engine === 'redis') redis = await startRedis();
    api = await startApi({ engine, ...(redis !== undefined && { redis }) });
  });
  afterAll(async () => {
    await api.close();
    await redis?.stop();
  });
  beforeEach(async () => {
    for (const { id } of await list()) {
      await api.app.inject({ method: 'DELETE', url: `${url}/${encodeURIComponent(id)}` });
    }
    expect(await list()).toEqual([]);
  });

  const list = async (): Promise<Schedule[]> => {
    const answer = await api.app.inject(url);
    expect(answer.statusCode, answer.payload).toBe(200);
    return answer.json<{ schedules: Schedule[] }>().schedules;
  };
  const put = (id: string) =>
    api.app.inject({ method: 'PUT', url: `${url}/${encodeURIComponent(id)}`, payload: { every: '1h', job } });
  const upsert = (id: string, repeat: object, template?: object) =>
    api.runtime.parts.queues.backend
      .open(queue)
      .call((bullmq) => bullmq.upsertJobScheduler(id, repeat, template as { name: string }));

  it('are listed and read without data, as `{}`', async () => {
    await upsert('bare', { every: 3_600_000 });
    await upsert('empty', { every: 3_600_000 }, { name: 'empty', data: {} });
    await api.runtime.parts.queues.queues.ensureSchedules([
      { queue: 'source-sync', id: 'none', data: { source: 'x' }, schedule: { everyMs: 3_600_000 } },
    ]);
    expect((await list()).map(({ id, job: of }) => [id, of.data])).toEqual([
      ['bare', {}],
      ['empty', {}],
    ]);
    expect((await api.app.inject(`${url}/bare`)).json()).toMatchObject({ id: 'bare', job: { data: {} } });
  });

  it.each(['a:b', 'a:b:c:d:e:f', 'with spaces', '100%', 'a/b', '日本', '17'])(
    'are read and removed under the id %j of another program, which is not for new ones',
    async (id) => {
      await upsert(id, { pattern: '0 3 * * *', tz: 'Europe/Berlin' }, { name: 'other', data: { n: 1 } });
      expect(await list()).toMatchObject([{ id, pattern: '0 3 * * *', job: { name: 'other', data: { n: 1 } } }]);
      const path = `${url}/${encodeURIComponent(id)}`;
      expect((await api.app.inject(path)).json()).toMatchObject({ id });
      if (id !== '17') expect((await put(id)).json<ProblemBody>().errors).toMatchObject([{ path: 'params.id' }]);
      expect((await api.app.inject({ method: 'DELETE', url: path })).statusCode).toBe(204);
      expect((await api.app.inject(path)).statusCode).toBe(404);
    },
  );

  describe.runIf(engine === 'redis')('and are damaged', () => {
    const prefix = (): string => `${api.runtime.parts.queues.backend.prefixOf(queue)}:${queue}:`;
    const store = async (
      id: string,
      hash: Readonly<Record<string, string>>,
      score = '8000000000000',
    ): Promise<void> => {
      await redis?.command('ZADD', `${prefix()}repeat`, score, id);
      if (Object.keys(hash).length > 0) {
        await redis?.command('HSET', `${prefix()}repeat:${id}`, ...Object.entries(hash).flat());
      }
    };
    const whole = { name: 'plain', ic: '1', pattern: '0 3 * * *', tz: 'UTC', data: '{"n":1}', opts: '{"attempts":2}' };

    it.each<[string, Readonly<Record<string, string>>, readonly string[], string?]>([
      ['has no fields, as those of earlier versions', {}, ['every']],
      ['says neither how often nor when', { name: 'plain', ic: '1' }, ['every']],
      ['has data that are no JSON', { ...whole, data: '{' }, ['data']],
      ['has options that are no JSON', { ...whole, opts: '{' }, ['opts']],
      ['has options that are no object', { ...whole, opts: '[1]' }, ['opts']],
      ['has a pattern that nobody else can read', { ...whole, pattern: 'at noon' }, ['pattern']],
      ['has a time zone that there is not', { ...whole, tz: 'Mars/Olympus' }, ['tz', 'pattern']],
      ['comes every so often, in words', { name: 'plain', ic: '1', every: 'hour' }, ['every']],
      ['comes next at a time that no Date can hold', whole, ['next'], '9e300'],
    ])('one that %s is marked, and can be removed', async (_what, hash, damaged, score) => {
      await put('ours');
      await store('torn', hash, score);
      await upsert('theirs', { every: 60_000 });
      const all = await list();
      expect(all.map(({ id }) => id)).toEqual(['ours', 'theirs', 'torn']);
      expect(all.filter((schedule) => schedule.damaged !== undefined)).toMatchObject([{ id: 'torn', damaged }]);
      expect((await api.app.inject(`${url}/torn`)).json()).toMatchObject({ id: 'torn', damaged });
      expect((await put('torn')).json()).not.toHaveProperty('damaged');
      expect((await api.app.inject({ method: 'DELETE', url: `${url}/torn` })).statusCode).toBe(204);
      await store('torn', hash, score);
      expect((await api.app.inject({ method: 'DELETE', url: `${url}/torn` })).statusCode).toBe(204);
      expect((await list()).map(({ id }) => id)).toEqual(['ours', 'theirs']);
    });

    it('one whose data are another kind of key is marked', async () => {
      await put('ours');
      await redis?.command('ZADD', `${prefix()}repeat`, '8000000000000', 'torn');
      await redis?.command('SET', `${prefix()}repeat:torn`, 'text');
      expect((await list()).map(({ id }) => id)).toEqual(['ours', 'torn']);
      expect((await api.app.inject(`${url}/torn`)).statusCode).toBe(200);
    });

    it.each(['{', '1', 'null', '{}', '{"schedule":{"everyMs":"x"},"job":{},"state":"running"}'])(
      'one of which somebody said %j counts as one of which nothing was said',
      async (record) => {
        await put('ours');
        await upsert('theirs', { every: 60_000 });
        await redis?.command('HSET', `${prefix()}schedules`, 'theirs', record);
        expect(await list()).toMatchObject([{ id: 'ours' }, { id: 'theirs', every: 60_000 }]);
        await redis?.command('HDEL', `${prefix()}schedules`, 'theirs');
      },
    );
  });

  it.each(['%2E', '%2E%2E'])('are refused under the id %s, over REST as well', async (id) => {
    // As it comes over a socket: a URL object would resolve it.
    const answer = await api.runtime.parts.queues.queues.schedules
      .put(queue, decodeURIComponent(id), { everyMs: 3_600_000, job })
      .catch((error: unknown) => error);
    expect(answer).toMatchObject({ code: 'JOB_OPTIONS_INVALID', issues: [{ path: '/id' }] });
  });
});
