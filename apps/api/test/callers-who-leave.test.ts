import { once } from 'node:events';
import { eventually } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { neverAsked } from './ending-routes.ts';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';
import { hold } from './held-call.ts';
import { doneBy, longCalls } from './long-calls.ts';
import { listen, open, receive, requestBytes } from './raw-http.ts';
import { seenExchanges } from './seen-exchanges.ts';

const patient = { timeoutMs: 60_000 };
const queue = '/v1/queues/http-delivery';
const cache = '/v1/cache/prompts';

describe('a caller who leaves ends', () => {
  let api: Api;
  let port: number;
  const { inFlight, timesSeen, logged } = seenExchanges(() => api);
  beforeAll(async () => {
    api = await startApi();
    port = await listen(api);
  });
  afterAll(() => api.close());
  beforeEach(async () => {
    await api.runtime.parts.queues.queues.admin.drain('http-delivery', { delayed: true });
  });
  afterEach(async () => {
    expect(await inFlight()).toBe(0);
  });

  it.each(longCalls(() => api))('$what, which is counted, timed and logged', async (call) => {
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
      if (done !== undefined) {
        const sum = await doneBy(work, done.count);
        if ('is' in done) expect(sum).toBe(done.is);
        else expect(sum > 0 && sum <= done.atMost, `${sum}`).toBe(true);
      }
      await Promise.all(step.outcomes.map((one) => one.catch(() => undefined)));
      const lines = logged(logLength);
      expect(lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
      expect(lines.filter(({ msg }) => msg === 'caller gone')).toMatchObject([{ level: 'debug', route, status: 499 }]);
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
