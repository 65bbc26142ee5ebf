import { once } from 'node:events';
import { Consumer } from '@holdfast/queue';
import { eventually } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { neverAsked } from './ending-routes.ts';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';
import { hold, type HeldCalls } from './held-call.ts';
import { isWhole, listen, open, receive, requestBytes } from './raw-http.ts';

const patient = { timeoutMs: 60_000 };

/** A call that takes more than one step. */
interface LongCall {
  readonly what: string;
  /** The template of its route. */
  readonly route: string;
  readonly request: readonly [method: string, path: string, body?: unknown];
  /** What has to be there first. */
  readonly prepare?: () => Promise<unknown>;
  /** Stops it in the middle of its work. */
  readonly step: () => HeldCalls;
  /** The call of the library that does the work, and how much it had done when it was stopped there. */
  readonly work?: () => HeldCalls;
  readonly done?: { readonly count: string | null; readonly is: number };
  /** Its answer has begun before it is held. */
  readonly isStreamed?: boolean;
}

describe('over a socket', () => {
  let api: Api;
  let port: number;
  const start = async (env: Readonly<Record<string, string>> = {}): Promise<void> => {
    api = await startApi({ env });
    port = await listen(api);
  };
  afterEach(async () => {
    expect(await inFlight()).toBe(0);
  });
  beforeEach(async () => {
    await api.runtime.parts.queues.queues.admin.drain('http-delivery', { delayed: true });
  });

  const queue = '/v1/queues/http-delivery';
  const cache = '/v1/cache/prompts';
  const jobs = (count: number): { data: object; options: object }[] =>
    Array.from({ length: count }, () => ({ data: { url: 'https://example.com/' }, options: { delay: '1h' } }));
  const items = (count: number): { readonly key: string; readonly value: number }[] =>
    Array.from({ length: count }, (_, n) => ({ key: `k:${n}`, value: n }));
  const keys = (count: number): string[] => items(count).map(({ key }) => key);
  const addJobs = (count: number): Promise<unknown> =>
    api.runtime.parts.queues.queues.addMany(
      'http-delivery',
      Array.from({ length: count }, () => ({ data: { url: 'https://example.com/' }, options: { delayMs: 3_600_000 } })),
    );
  const failJobs = async (count: number): Promise<void> => {
    const { queues, backend } = api.runtime.parts.queues;
    const dead = (await queues.summary('http-delivery')).counts.failed;
    const handler = async (): Promise<never> => {
      throw new Error('not today');
    };
    const definition = queues.definition('http-delivery');
    const consumer = new Consumer({ backend, definition, handler, concurrency: 50 });
    await consumer.start();
    const job = { data: { url: 'https://example.com/' }, options: { attempts: 1 } };
    await queues.addMany(
      'http-delivery',
      Array.from({ length: count - dead }, () => job),
    );
    await eventually(async () => {
      expect((await queues.summary('http-delivery')).counts.failed).toBeGreaterThanOrEqual(count);
    }, patient);
    await consumer.close({ timeoutMs: 3000 });
  };
  const writeEntries = (count: number): Promise<unknown> =>
    api.runtime.parts.cache.caches
      .get('prompts')
      .writeMany(keys(count).map((key) => ({ key, body: Buffer.from('1'), contentType: 'application/json' })));
  const handle = () => api.runtime.parts.queues.backend.open('http-delivery');

  const calls: readonly LongCall[] = [
    {
      what: 'adding many jobs',
      route: '/v1/queues/:q/jobs/bulk',
      request: ['POST', `${queue}/jobs/bulk`, { jobs: jobs(1000) }],
      step: () => hold(handle(), 'addMany', (count) => count === 1),
      work: () => hold(api.runtime.parts.queues.queues, 'addMany', () => false),
      done: { count: 'accepted', is: 50 },
    },
    {
      what: 'draining a queue',
      route: '/v1/queues/:q/drain',
      request: ['POST', `${queue}/drain`, { delayed: true }],
      prepare: () => addJobs(1100),
      // Of those that wait there are none, with a priority or without.
      step: () => hold(handle(), 'call', (count) => count === 3),
      work: () => hold(api.runtime.parts.queues.queues.admin, 'drain', () => false),
      done: { count: null, is: 500 },
    },
    {
      what: 'cleaning a queue of those that wait',
      route: '/v1/queues/:q/clean',
      request: ['POST', `${queue}/clean`, { state: 'delayed', limit: 10_000 }],
      prepare: () => addJobs(1100),
      step: () => hold(handle(), 'call', (count) => count === 1),
      work: () => hold(api.runtime.parts.queues.queues.admin, 'clean', () => false),
      done: { count: null, is: 500 },
    },
    {
      what: 'cleaning a queue of those that have failed',
      route: '/v1/queues/:q/clean',
      request: ['POST', `${queue}/clean`, { state: 'failed', limit: 10_000 }],
      prepare: () => failJobs(600),
      step: () => hold(handle(), 'call', (count) => count === 1),
      work: () => hold(api.runtime.parts.queues.queues.admin, 'clean', () => false),
      done: { count: null, is: 500 },
    },
    {
      what: 'redriving dead letters',
      route: '/v1/queues/:q/dead-letters/redrive',
      request: ['POST', `${queue}/dead-letters/redrive`, {}],
      prepare: () => failJobs(600),
      step: () => hold(handle().deadLetters, 'redriveOldest', (count) => count === 1),
      work: () => hold(api.runtime.parts.queues.queues, 'redrive', () => false),
      done: { count: 'redriven', is: 250 },
    },
    {
      what: 'cleaning dead letters',
      route: '/v1/queues/:q/dead-letters/clean',
      request: ['POST', `${queue}/dead-letters/clean`, {}],
      prepare: () => failJobs(600),
      step: () => hold(handle().deadLetters, 'cleanOldest', (count) => count === 1),
      work: () => hold(api.runtime.parts.queues.queues, 'cleanDeadLetters', () => false),
      done: { count: 'removed', is: 250 },
    },
    {
      what: 'writing many entries',
      route: '/v1/cache/:ns/bulk/set',
      request: ['POST', `${cache}/bulk/set`, { items: items(1000) }],
      step: () => hold(api.runtime.engines.cache, 'run', (_count, [script]) => nameOf(script) === 'cache-write'),
      work: () => hold(api.runtime.parts.cache.caches.get('prompts'), 'writeMany', () => false),
      // Four batches of 50 are under way at a time.
      done: { count: 'successful', is: 200 },
    },
    {
      what: 'removing many entries',
      route: '/v1/cache/:ns/bulk/delete',
      request: ['POST', `${cache}/bulk/delete`, { keys: keys(3000) }],
      step: () => hold(api.runtime.engines.cache, 'del'),
      work: () => hold(api.runtime.parts.cache.caches.get('prompts'), 'deleteMany', () => false),
      done: { count: 'successful', is: 2000 },
    },
    {
      what: 'syncing many entries',
      route: '/v1/cache/:ns/sync',
      request: ['POST', `${cache}/sync`, { updates: items(1000), deletions: ['gone'] }],
      step: () => hold(api.runtime.engines.cache, 'run', (_count, [script]) => nameOf(script) === 'cache-write'),
      work: () => hold(api.runtime.parts.cache.caches.get('prompts'), 'sync', () => false),
      done: { count: 'updated', is: 200 },
    },
    {
      what: 'invalidating a prefix',
      route: '/v1/cache/:ns/invalidate',
      request: ['POST', `${cache}/invalidate`, { prefix: 'k:' }],
      prepare: () => writeEntries(3000),
      step: () => hold(api.runtime.engines.cache, 'scan', (count) => count === 1),
      work: () => hold(api.runtime.parts.cache.caches.get('prompts'), 'invalidate', () => false),
      done: { count: null, is: -1 },
    },
    {
      what: 'invalidating what depends on an entity',
      route: '/v1/entities/:type/:id/invalidate',
      request: ['POST', '/v1/entities/creator/7/invalidate', ''],
      step: () => hold(api.runtime.parts.cache.entities, 'invalidate'),
      work: () => hold(api.runtime.parts.cache.entities, 'invalidate', () => false),
      done: { count: null, is: -1 },
    },
    {
      what: 'reading many entries',
      route: '/v1/cache/:ns/bulk/get',
      request: ['POST', `${cache}/bulk/get`, { keys: keys(2000) }],
      // The first page is out before the second is read.
      step: () => hold(api.runtime.parts.cache.caches.get('prompts'), 'readMany', (count) => count === 2),
      isStreamed: true,
    },
    {
      what: 'listing jobs',
      route: '/v1/queues/:q/jobs',
      request: ['GET', `${queue}/jobs`],
      step: () => hold(api.runtime.parts.queues.queues.admin, 'list'),
    },
    {
      what: 'looking at Bull Board',
      route: '/admin/queues/api/queues',
      request: ['GET', '/admin/queues/api/queues?activeQueue=http-delivery&status=delayed'],
      step: () => hold(handle().queue, 'getJobCounts'),
    },
    {
      what: 'cancelling a job',
      route: '/v1/queues/:q/jobs/:id/cancel',
      request: ['POST', `${queue}/jobs/any/cancel`, { reason: 'why not' }],
      step: () => hold(api.runtime.parts.queues.queues, 'cancel'),
    },
    {
      what: 'writing an entry',
      route: '/v1/cache/:ns/:key',
      request: ['PUT', `${cache}/k`, '"text"'],
      step: () => hold(api.runtime.parts.cache.caches.get('prompts'), 'write'),
    },
  ];

  const metrics = async (): Promise<string> => (await api.app.inject('/metrics')).payload;
  /** Beside the one that asks. */
  const inFlight = async (): Promise<number> =>
    Number(/^holdfast_http_requests_in_flight (\d+)$/m.exec(await metrics())?.[1]) - 1;
  const timesSeen = async (
    [method]: readonly [string, ...unknown[]],
    route: string,
    status: number,
  ): Promise<number> => {
    const series = `_count{method="${method}",route="${route}",status="${status}"} `;
    return Number((await metrics()).split(series)[1]?.split('\n')[0] ?? 0);
  };
  const logged = (from: number): Record<string, unknown>[] =>
    api.log.slice(from).map((line) => JSON.parse(line) as Record<string, unknown>);
  /** How much was done; -1 where the work was given up with an error. */
  const doneBy = async (work: HeldCalls | undefined, count: string | null): Promise<number> => {
    const outcome = await work?.outcomes[0]?.catch(() => -1);
    return Number(count === null || outcome === -1 ? outcome : (outcome as Record<string, number>)[count]);
  };

  describe('a caller who leaves ends', () => {
    beforeAll(() => start());
    afterAll(() => api.close());

    it.each(calls)('$what, which is counted, timed and logged', async (call) => {
      const { route, request, prepare, done } = call;
      await prepare?.();
      const step = call.step();
      const work = call.work?.();
      const logLength = api.log.length;
      const before = await timesSeen(request, route, 499);
      try {
        const socket = await open(port, requestBytes(...request));
        await step.reached.wait();
        expect(await inFlight()).toBe(1);
        socket.destroy();
        await eventually(async () => expect(await timesSeen(request, route, 499)).toBe(before + 1), patient);
        expect(await inFlight()).toBe(0);
        step.release();
        if (done !== undefined) expect(await doneBy(work, done.count)).toBe(done.is);
        await Promise.all(step.outcomes.map((one) => one.catch(() => undefined)));
        const lines = logged(logLength);
        expect(lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
        expect(lines.filter(({ msg }) => msg === 'caller gone')).toMatchObject([
          { level: 'debug', route, status: 499 },
        ]);
      } finally {
        work?.restore();
        step.restore();
      }
    });

    const untilGone = (method: string, route: string, times = 1): Promise<void> =>
      eventually(async () => expect(await timesSeen([method, ''], route, 499)).toBe(times), patient);

    it('a wait for a job', async () => {
      await api.runtime.parts.queues.queues.add('http-delivery', {
        data: { url: 'https://example.com/' },
        options: { delayMs: 3_600_000, jobId: 'late' },
      });
      const asked = hold(api.runtime.parts.queues.queues, 'get', () => false);
      const socket = await open(port, requestBytes('GET', `${queue}/jobs/late?wait=30s`));
      await eventually(() => expect(asked.outcomes).toHaveLength(1));
      socket.destroy();
      await untilGone('GET', '/v1/queues/:q/jobs/:id');
      // It does not go on until its 30 s are over.
      expect(await asked.outcomes[0]).toMatchObject({ id: 'late' });
      asked.restore();
    });

    it('the events of a job', async () => {
      await api.runtime.parts.queues.queues.add('http-delivery', {
        data: { url: 'https://example.com/' },
        options: { delayMs: 3_600_000, jobId: 'followed' },
      });
      const route = '/v1/queues/:q/jobs/:id/events';
      const watched = hold(api.runtime.parts.queues.queues.admin, 'watch', () => false);
      const logLength = api.log.length;
      const socket = await open(port, requestBytes('GET', `${queue}/jobs/followed/events`));
      await receive(socket, (text) => text.includes('event: state'));
      socket.destroy();
      await untilGone('GET', route);
      const events = (await watched.outcomes[0]) as AsyncIterable<unknown>;
      for await (const event of events) expect(event).toBeUndefined();
      watched.restore();
      expect(logged(logLength).filter(({ msg }) => msg === 'caller gone')).toMatchObject([{ level: 'debug', route }]);
    });

    it('a download', async () => {
      const route = '/v1/cache/:ns/:key';
      const body = Buffer.alloc(8 * 1024 * 1024, 'x');
      await api.runtime.parts.cache.caches.get('prompts').write('large', { body, contentType: 'text/plain' });
      const before = await timesSeen(['GET', ''], route, 499);
      const logLength = api.log.length;
      // More than the sockets in between take.
      const socket = await open(port, requestBytes('GET', `${cache}/large`).repeat(4));
      await once(socket, 'readable');
      socket.destroy();
      await eventually(async () => expect(await timesSeen(['GET', ''], route, 499)).toBeGreaterThan(before), patient);
      await eventually(async () => expect(await inFlight()).toBe(0));
      expect(logged(logLength).filter(({ level }) => level === 'error')).toEqual([]);
    });

    it('an upload', async () => {
      const before = await timesSeen(['PUT', ''], '/v1/cache/:ns/:key', 499);
      const head = `PUT ${cache}/half HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf`;
      const socket = await open(port, head);
      await eventually(async () => expect(await inFlight()).toBe(1));
      socket.destroy();
      await untilGone('PUT', '/v1/cache/:ns/:key', before + 1);
      expect((await api.app.inject(`${cache}/half`)).statusCode).toBe(404);
    });

    it('all that he has asked for on the connection', async () => {
      const route = '/v1/queues/:q/jobs';
      const before = await timesSeen(['GET', ''], route, 499);
      const step = hold(api.runtime.parts.queues.queues.admin, 'list');
      const one = requestBytes('GET', `${queue}/jobs`);
      const socket = await open(port, one + one + one);
      await eventually(async () => expect(await inFlight()).toBe(3));
      socket.destroy();
      await untilGone('GET', route, before + 3);
      step.restore();
    });

    it('nothing of what he has an answer to', async () => {
      const route = '/v1/queues/:q';
      const socket = await open(port, requestBytes('GET', queue));
      await receive(socket, (text) => text.includes('"policy"'));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.destroy();
      await closed;
      await eventually(async () => expect(await timesSeen(['GET', ''], route, 200)).toBe(1));
      expect(await timesSeen(['GET', ''], route, 499)).toBe(0);
    });

    // Of the callers above, so it needs all of them.
    it('whatever loops, streams or waits', async () => {
      expect(await neverAsked(api, 499)).toEqual([]);
    });
  });

  // What is streamed has begun by then, also on a busy machine.
  describe.each([
    ['before its answer', '1000', calls.filter(({ isStreamed }) => isStreamed !== true)],
    ['in the middle of its answer', '5000', calls.filter(({ isStreamed }) => isStreamed === true)],
  ])('REQUEST_TIMEOUT ends, %s', (_when, limit, ended) => {
    beforeAll(() => start({ REQUEST_TIMEOUT: limit }));
    afterAll(() => api.close());

    it.each(ended)('$what', async (call) => {
      const { route, request, prepare, done, isStreamed = false } = call;
      await prepare?.();
      const step = call.step();
      const work = call.work?.();
      const logLength = api.log.length;
      const before = await timesSeen(request, route, 503);
      try {
        const socket = await open(port, requestBytes(...request));
        const { text, isClosed } = await receive(socket, (all) => !isStreamed && isWhole(all));
        socket.destroy();
        if (isStreamed) {
          // What has begun can only be cut off, so that nobody takes it for all.
          expect(text).toMatch(/^HTTP\/1.1 200/);
          expect([isClosed, text.endsWith('\r\n0\r\n\r\n')]).toEqual([true, false]);
        } else {
          expect(text).toMatch(/^HTTP\/1.1 503[^]*application\/problem\+json[^]*"code":"HANDLER_TIMEOUT"/);
          expect(text.toLowerCase()).toMatch(/\r\nretry-after: \d+\r\n/);
        }
        await eventually(async () => expect(await timesSeen(request, route, 503)).toBe(before + 1), patient);
        step.release();
        if (done !== undefined) expect(await doneBy(work, done.count)).toBeLessThanOrEqual(done.is);
        await Promise.all(step.outcomes.map((one) => one.catch(() => undefined)));
        expect(await inFlight()).toBe(0);
        expect(logged(logLength).filter(({ level }) => level === 'error')).toEqual([]);
      } finally {
        work?.restore();
        step.restore();
      }
    });
  });
});

function nameOf(script: unknown): unknown {
  return typeof script === 'object' && script !== null && 'name' in script ? script.name : undefined;
}
