import type { AddressInfo } from 'node:net';
import { startRedis } from '@holdfast/testing';
import type { RedisServer } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';

type Hash = Readonly<Record<string, string>>;

const whole: Hash = {
  name: 'plain',
  data: '{"n":1}',
  opts: '{"attempts":1}',
  timestamp: '1790000000000',
  delay: '0',
  priority: '0',
};
const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;

/** What became of a job: fields that are not there, or are not what BullMQ writes. */
const damages: Readonly<Record<string, Hash>> = {
  ...Object.fromEntries(Object.keys(whole).map((field) => [`no ${field}`, without(whole, field)])),
  'only a name': { name: 'plain' },
  'nothing but a mark': { 'hf:run': 'x' },
  'data that is no JSON': { ...whole, data: '{"n":' },
  'data that is nested 200,000 levels deep': { ...whole, data: deep },
  'options that are no JSON': { ...whole, opts: '{"attempts"' },
  'options that are no object': { ...whole, opts: '[]' },
  'a stack that is no JSON': { ...whole, stacktrace: '["', failedReason: 'E' },
  'a result that is no JSON': { ...whole, returnvalue: '{' },
  'progress that is no JSON': { ...whole, progress: 'half' },
  'times that are none': { ...whole, timestamp: 'soon', processedOn: '1e300', finishedOn: 'x' },
  'attempts that are no number': { ...whole, atm: 'many', priority: 'x', delay: 'y' },
  'a parent that is no JSON': { ...whole, parent: '{', parentKey: 'nowhere' },
};

const places = {
  waiting: ['LPUSH', 'wait'],
  prioritized: ['ZADD', 'prioritized', '4294967296'],
  delayed: ['ZADD', 'delayed', '8000000000000000'],
  active: ['LPUSH', 'active'],
  failed: ['ZADD', 'failed', '1790000000000'],
  completed: ['ZADD', 'completed', '1790000000000'],
  'waiting-children': ['ZADD', 'waiting-children', '1790000000000'],
} as const;

describe('a job that its store holds only in part', () => {
  let redis: RedisServer;
  let api: Api;
  let address: string;
  let prefix: string;
  const queue = '/v1/queues/http-delivery';
  beforeAll(async () => {
    redis = await startRedis();
    api = await startApi({ redis });
    await api.app.listen({ host: '127.0.0.1', port: 0 });
    address = `http://127.0.0.1:${(api.app.server.address() as AddressInfo).port}`;
    prefix = `${api.runtime.parts.queues.backend.prefixOf('http-delivery')}:http-delivery:`;
  });
  afterAll(async () => {
    await api.close();
    await redis.stop();
  });

  const store = async (state: keyof typeof places, id: string, hash: Hash): Promise<void> => {
    const [command, key, ...score] = places[state];
    await redis.command('HSET', `${prefix}${id}`, ...Object.entries(hash).flat());
    await redis.command(command, `${prefix}${key}`, ...score, id);
  };
  const clear = async (): Promise<void> => {
    await redis.command('FLUSHALL');
  };
  const call = async (method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object) => {
    const answer = await api.app.inject({ method, url: `${queue}${path}`, ...(payload && { payload }) });
    expect(answer.statusCode, `${method} ${path} ${answer.payload.slice(0, 500)}`).toBeLessThan(500);
    return answer;
  };
  const idsIn = async (path: string): Promise<string[]> =>
    (await call('GET', path)).json<{ jobs: { id: string }[] }>().jobs.map(({ id }) => id);

  describe.each(Object.keys(places) as (keyof typeof places)[])('that is %s', (state) => {
    it.each(Object.entries(damages))(
      'with %s spoils no list, and can be read, followed and changed',
      async (_what, hash) => {
        const change = async (then: (id: string) => Promise<unknown>): Promise<void> => {
          await clear();
          await store(state, 'before', whole);
          await store(state, 'torn', hash);
          await store(state, 'behind', whole);
          await then('torn');
        };
        await change(async (id) => {
          expect((await idsIn(`/jobs?state=${state}`)).toSorted()).toEqual(['before', 'behind', 'torn']);
          expect(await idsIn('/jobs')).toHaveLength(3);
          expect((await call('GET', '')).statusCode).toBe(200);
          if (state === 'failed') expect(await idsIn('/dead-letters')).toHaveLength(3);
          const read = await call('GET', `/jobs/${id}?wait=1ms`);
          expect(read.json()).toMatchObject({ id, state });
          const events = await fetch(`${address}${queue}/jobs/${id}/events`);
          expect(events.status).toBe(200);
          await events.body?.cancel();
          expect((await call('DELETE', `/jobs/${id}`)).statusCode).toBe(204);
          expect(await idsIn('/jobs')).toHaveLength(2);
        });
        for (const action of ['retry', 'promote', 'cancel']) {
          await change(async (id) => {
            expect([200, 409]).toContain((await call('POST', `/jobs/${id}/${action}`)).statusCode);
          });
        }
        await change(() => call('POST', '/drain', { delayed: true }));
        await change(() => call('POST', '/dead-letters/redrive', { ids: ['torn'] }));
        await change(() => call('POST', '/dead-letters/redrive'));
        await change(() => call('POST', '/dead-letters/clean'));
        if (state === 'active' || state === 'waiting-children') return;
        await change(() => call('POST', '/clean', { state }));
        expect(await idsIn('/jobs')).toEqual([]);
      },
    );
  });

  it('can be removed although a worker holds it, where none can make a job of it', async () => {
    await clear();
    for (const [id, hash] of [
      ['torn', { ...whole, opts: '{' }],
      ['runs', whole],
      ['runs-too', { name: 'x' }],
    ] as const) {
      await store('active', id, hash);
      await redis.command('SET', `${prefix}${id}:lock`, 'of-a-worker');
    }
    expect((await call('DELETE', '/jobs/torn')).statusCode).toBe(204);
    expect((await call('DELETE', '/jobs/runs')).statusCode).toBe(409);
    expect((await call('DELETE', '/jobs/runs-too')).statusCode).toBe(409);
    expect((await idsIn('/jobs')).toSorted()).toEqual(['runs', 'runs-too']);
    expect(await redis.command('EXISTS', `${prefix}torn`, `${prefix}torn:lock`)).toBe(0);
  });

  it('says what is damaged, and shows the text that is there', async () => {
    await clear();
    await store('failed', 'torn', { data: '{"n":', timestamp: 'soon', stacktrace: '[' });
    const damaged = ['name', 'data', 'createdAt', 'opts', 'stacktrace'];
    const read = (await call('GET', '/jobs/torn')).json<{ damaged: string[] }>();
    expect(read).toMatchObject({ id: 'torn', name: '', data: '{"n":', createdAt: '1970-01-01T00:00:00.000Z' });
    expect(read.damaged.toSorted()).toEqual(damaged.toSorted());
    const { jobs } = (await call('GET', '/dead-letters')).json<{ jobs: { damaged: string[] }[] }>();
    expect(jobs[0]).toMatchObject({ id: 'torn', data: '{"n":' });
    expect(jobs[0]?.damaged.toSorted()).toEqual(damaged.toSorted());
  });

  it.each(['9e300', '-9e300', 'inf', '-inf', '1.5', '0'])(
    'leaves the pages of a list whole where its score is %s',
    async (score) => {
      for (const state of ['failed', 'completed', 'delayed', 'prioritized'] as const) {
        await clear();
        for (const id of ['a', 'b', 'c']) await store(state, id, whole);
        await store(state, 'torn', whole);
        await redis.command('ZADD', `${prefix}${places[state][1]}`, score, 'torn');
        for (const path of [`/jobs?state=${state}&`, ...(state === 'failed' ? ['/dead-letters?'] : [])]) {
          const ids: string[] = [];
          let cursor: string | null = '';
          while (cursor !== null && ids.length < 10) {
            const page: { jobs: { id: string }[]; cursor: string | null } = (
              await call('GET', `${path}limit=1${cursor && `&cursor=${cursor}`}`)
            ).json();
            ids.push(...page.jobs.map((job) => job.id));
            ({ cursor } = page);
          }
          expect(ids.toSorted(), path).toEqual(['a', 'b', 'c', 'torn']);
        }
      }
    },
  );

  it('is none where another kind of key has its name', async () => {
    await clear();
    await redis.command('HSET', `${prefix}notes`, 'a', '1');
    await redis.command('LPUSH', `${prefix}torn:logs`, 'line');
    await store('waiting', 'torn', whole);
    for (const id of ['notes', 'torn%3Alogs', 'meta', 'wait', 'marker']) {
      for (const action of ['', '?wait=1ms', '/events']) {
        expect((await call('GET', `/jobs/${id}${action}`)).statusCode, id + action).toBe(404);
      }
      for (const action of ['retry', 'promote', 'cancel']) {
        expect((await call('POST', `/jobs/${id}/${action}`)).statusCode, `${id}/${action}`).toBe(404);
      }
      expect((await call('DELETE', `/jobs/${id}`)).statusCode, id).toBe(404);
    }
    expect(await redis.command('HGETALL', `${prefix}notes`)).toEqual(['a', '1']);
    expect((await call('GET', '/jobs/torn')).json()).toMatchObject({ logs: ['line'] });
  });

  it('leaves the others as they are where a dead letter has become another kind of key, or none', async () => {
    await clear();
    await store('failed', 'whole', whole);
    await redis.command('SET', `${prefix}text`, 'x');
    for (const id of ['text', 'gone']) await redis.command('ZADD', `${prefix}failed`, '1', id);
    for (const id of ['text', 'gone']) {
      expect((await call('GET', `/jobs/${id}`)).statusCode, id).toBe(404);
      for (const action of ['retry', 'promote']) {
        expect((await call('POST', `/jobs/${id}/${action}`)).statusCode, `${id}/${action}`).toBe(404);
      }
    }
    expect((await call('POST', '/dead-letters/redrive')).json()).toMatchObject({ redriven: 1 });
    expect(await redis.command('ZCARD', `${prefix}failed`)).toBe(0);
    for (const id of ['text', 'gone']) await redis.command('ZADD', `${prefix}failed`, '1', id);
    expect((await call('POST', '/dead-letters/clean')).json()).toEqual({ removed: 2, remaining: 0 });
    expect(await redis.command('GET', `${prefix}text`)).toBe('x');
  });

  describe.each([
    '17',
    '007',
    'a:b',
    'a:b:c',
    'repeat:nightly:1790000000000',
    'with spaces',
    '100%',
    '%2F',
    'a/b',
    'a\\b?c#d&e=f;g',
    '日本 😀',
    '{tag}*[x]',
    '__proto__',
    'x'.repeat(1000),
    'ü'.repeat(2000),
  ])('of another program, with the id %j', (id) => {
    const path = `/jobs/${encodeURIComponent(id)}`;
    it('is read, waited for, followed, changed and removed as it is listed', async () => {
      await clear();
      await store('failed', id, whole);
      await store('failed', 'other', whole);
      expect((await idsIn('/jobs')).toSorted()).toEqual([id, 'other'].toSorted());
      const pages = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: { jobs: { id: string }[]; cursor: string | null } = (
          await call('GET', `/jobs?limit=1${cursor && `&cursor=${cursor}`}`)
        ).json();
        pages.push(...page.jobs.map((job) => job.id));
        ({ cursor } = page);
      }
      expect(pages.toSorted()).toEqual([id, 'other'].toSorted());
      const read = await fetch(`${address}${queue}${path}?wait=1ms`);
      expect(await read.json()).toMatchObject({ id, state: 'failed' });
      const events = await fetch(`${address}${queue}${path}/events`);
      expect(await events.text()).toContain('event: failed');
      expect((await call('POST', `${path}/promote`)).statusCode).toBe(409);
      expect((await call('POST', `${path}/retry`)).json()).toMatchObject({ id, state: 'waiting' });
      expect((await call('POST', `${path}/cancel`)).json()).toMatchObject({ id, state: 'failed' });
      expect((await call('DELETE', path)).statusCode).toBe(204);
      expect((await call('GET', path)).statusCode).toBe(404);
      await store('failed', id, whole);
      expect((await call('POST', '/dead-letters/redrive', { ids: [id] })).json()).toMatchObject({ redriven: 1 });
      expect(await idsIn('/jobs?state=waiting')).toEqual([id]);
    });
  });
});

function without(hash: Hash, field: string): Hash {
  return Object.fromEntries(Object.entries(hash).filter(([name]) => name !== field));
}
