import type { Socket } from 'node:net';
import { eventually } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPerConnection, slotsOf } from '../src/plugins/load/classes.ts';
import { type Api, startApi } from './fixture.ts';
import { hold, type HeldCalls } from './held-call.ts';
import { expectProblem, listen, open, receive, requestBytes, send } from './raw-http.ts';

const cache = '/v1/cache/prompts';
const queue = '/v1/queues/http-delivery';
const bulkSet = requestBytes('POST', `${cache}/bulk/set`, { items: [{ key: 'k', value: 1 }] });
const job = { data: { url: 'https://example.com/' }, options: { delay: '1h' } };

describe('a process that is asked for more than it can do', () => {
  let api: Api;
  let port: number;
  const sockets: Socket[] = [];
  const held: HeldCalls[] = [];
  beforeEach(async () => {
    api = await startApi();
    port = await listen(api);
  });
  afterEach(async () => {
    for (const calls of held.splice(0)) calls.restore();
    for (const socket of sockets.splice(0)) socket.destroy();
    await api.close();
  });

  const shed = async (load: string, reason: string): Promise<number> => {
    const { payload } = await api.app.inject('/metrics');
    const series = `holdfast_http_shed_total{class="${load}",reason="${reason}"} `;
    return Number(payload.split(series)[1]?.split('\n')[0]);
  };
  const get = (path: string): ReturnType<typeof send> => send(port, requestBytes('GET', path));
  /** Has `count` requests at work at a time; `holding` holds the calls that `which` lets through to it. */
  const occupy = async (
    count: number,
    bytes: string,
    holding: (which: (nth: number) => boolean) => HeldCalls,
  ): Promise<Socket[]> => {
    let atWork = 0;
    held.push(
      holding((nth) => {
        atWork = nth;
        return nth <= count;
      }),
    );
    const opened = await Promise.all(Array.from({ length: count }, () => open(port, bytes)));
    sockets.push(...opened);
    await eventually(() => expect(atWork).toBe(count));
    return opened;
  };
  const holdWrites = (which: (nth: number) => boolean): HeldCalls =>
    hold(api.runtime.parts.cache.caches.get('prompts'), 'writeMany', which);

  it('refuses those of a class that is full, before their body comes, and answers all others', async () => {
    const busy = await occupy(slotsOf.bulk, bulkSet, holdWrites);
    expect(await shed('bulk', 'slots')).toBe(0);

    const head = `POST ${cache}/bulk/set HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\n`;
    const refused = await send(port, `${head}content-length: 5000000\r\n\r\n`);
    expectProblem(refused, 503, 'OVERLOADED');
    expect(refused.head.toLowerCase()).toContain('retry-after: 1');
    expect(await shed('bulk', 'slots')).toBe(1);

    // What is small is read away, and its connection goes on.
    const small = await open(port, bulkSet + requestBytes('GET', '/health/live'));
    sockets.push(small);
    const { text: both } = await receive(small, (text) => text.includes('HTTP/1.1 200 '));
    expect(both).toContain('HTTP/1.1 503 ');
    expect(both.toLowerCase()).not.toContain('connection: close');
    expect((await get(`${cache}/none`)).status).toBe(404);
    expect((await send(port, requestBytes('POST', `${queue}/jobs`, job))).status).toBe(201);

    const answers = busy.map((socket) => receive(socket, (text) => text.includes('\r\n\r\n')));
    held[0]?.release();
    for (const { text } of await Promise.all(answers)) expect(text).toContain('HTTP/1.1 200 ');
    expect((await send(port, bulkSet)).status).toBe(200);
  });

  it('counts the work that goes on for callers who have left, and not the bodies that are still coming', async () => {
    const half = bulkSet.slice(0, -5);
    sockets.push(...(await Promise.all(Array.from({ length: 2 * slotsOf.bulk }, () => open(port, half)))));
    expect((await send(port, bulkSet)).status).toBe(200);

    for (const socket of await occupy(slotsOf.bulk, bulkSet, holdWrites)) socket.destroy();
    await eventually(async () => expect((await api.app.inject('/metrics')).payload).toContain('status="499"} '));
    expectProblem(await send(port, bulkSet), 503, 'OVERLOADED');
    held[0]?.release();
    await eventually(async () => expect((await send(port, bulkSet)).status).toBe(200));
  });

  it('lets a connection wait for so many answers at once, and not for any number', async () => {
    const added = await send(port, requestBytes('POST', `${queue}/jobs`, job));
    const { id } = JSON.parse(added.body) as { id: string };
    const wait = requestBytes('GET', `${queue}/jobs/${id}?wait=20s`);
    sockets.push(await open(port, wait.repeat(openPerConnection)));
    expect((await get('/health/live')).status).toBe(200);
    expect(await shed('wait', 'slots')).toBe(0);
    sockets.push(await open(port, wait.repeat(openPerConnection + 1)));
    await eventually(async () => expect(await shed('wait', 'slots')).toBe(1));
  });

  it('has room for thousands who only wait or watch', async () => {
    const added = await send(port, requestBytes('POST', `${queue}/jobs`, job));
    const { id } = JSON.parse(added.body) as { id: string };
    await occupy(slotsOf.read + 100, requestBytes('GET', `${queue}/jobs/${id}?wait=30s`), (which) =>
      hold(api.runtime.parts.queues.queues, 'get', (nth) => which(nth) && false),
    );
    const watching = await open(port, requestBytes('GET', `${queue}/jobs/${id}/events`));
    sockets.push(watching);
    expect((await receive(watching, (text) => text.includes('retry: '))).text).toContain('HTTP/1.1 200 ');
    expect((await get(`${queue}/jobs/${id}`)).status).toBe(200);
    expect(await shed('read', 'slots')).toBe(0);
  });
});

describe('a process whose event loop is late', () => {
  const block = (): void => {
    const until = performance.now() + 1500;
    while (performance.now() < until);
  };

  it('was only starting, and refuses nobody for that once it listens', async () => {
    const api = await startApi({ maxLoopDelayMs: 500 });
    try {
      const isUnderPressure = api.app.getDecorator<() => boolean>('isUnderPressure');
      await eventually(() => {
        block();
        expect(isUnderPressure()).toBe(true);
      });
      await listen(api);
      const burst = Array.from({ length: 300 }, () => api.app.inject(`${cache}/none`));
      const statuses = (await Promise.all(burst)).map(({ statusCode }) => statusCode);
      expect(new Set(statuses)).toEqual(new Set([404]));
    } finally {
      await api.close();
    }
  });

  it('serves a few and probes, refuses the rest, says so once in its log, and answers again when it is over', async () => {
    // A second and a half among the few turns in which this test asks is more than this on average, however fast the machine is.
    const api = await startApi({ maxLoopDelayMs: 50 });
    try {
      const port = await listen(api);
      const get = async (path: string): Promise<number> => (await send(port, requestBytes('GET', path))).status;
      await eventually(
        async () => {
          block();
          expect(await get(`${cache}/none`), 'a single one').toBe(404);
          const burst = Array.from({ length: 300 }, () => api.app.inject(`${cache}/none`));
          const statuses = (await Promise.all(burst)).map(({ statusCode }) => statusCode);
          expect(new Set(statuses)).toEqual(new Set([404, 503]));
        },
        { timeoutMs: 60_000 },
      );
      expect(await get('/health/live')).toBe(200);
      expect((await api.app.inject('/metrics')).payload).toMatch(
        /^holdfast_http_shed_total\{class="read",reason="event-loop"\} [1-9]/m,
      );
      expect(api.log.filter((line) => line.includes('"class":"read","reason":"event-loop"'))).toHaveLength(1);
      expect(api.log.filter((line) => line.includes('request failed'))).toEqual([]);
    } finally {
      await api.close();
    }
  });
});
