import type { Socket } from 'node:net';
import { eventually } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Api, startApi } from './fixture.ts';
import { hold } from './held-call.ts';
import { expectProblem, isWhole, listen, open, type RawAnswer, receive, requestBytes, send } from './raw-http.ts';

const MiB = 1024 * 1024;
const cache = '/v1/cache/prompts';
/** 8 times as much as JSON, so that three do not fit. */
const large = 400_000;
const value = 'x'.repeat(large);
const headOf = (path: string, length: number): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

describe('the memory of all bodies and answers together', () => {
  let api: Api;
  let port: number;
  const sockets: Socket[] = [];
  beforeEach(async () => {
    api = await startApi({ env: { BODY_BUDGET: String(8 * MiB) } });
    port = await listen(api);
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await api.close();
  });

  const metric = async (name: string): Promise<number> =>
    Number((await api.app.inject('/metrics')).payload.split(`\n${name} `)[1]?.split('\n')[0]);
  const heldBytes = (): Promise<number> => metric('holdfast_http_held_bytes');
  const begin = async (bytes: string): Promise<Socket> => {
    const socket = await open(port, bytes);
    sockets.push(socket);
    return socket;
  };
  const answerOn = async (socket: Socket): Promise<RawAnswer> => {
    const { text } = await receive(socket, isWhole);
    return {
      status: Number(text.slice(9, 12)),
      head: text.split('\r\n\r\n')[0] ?? '',
      body: text.split('\r\n\r\n')[1] ?? '',
    };
  };
  const body = JSON.stringify({ items: [{ key: 'k', value }] });
  const bulk = `${cache}/bulk/set`;

  it('is taken before a body comes: one that finds no room is refused unread, and a small one never', async () => {
    const first = await begin(headOf(bulk, body.length));
    const second = await begin(headOf(bulk, body.length));
    await eventually(async () => expect(await heldBytes()).toBe(2 * 8 * body.length));

    const refused = await send(port, headOf(bulk, body.length));
    expectProblem(refused, 503, 'OVERLOADED');
    expect(refused.head.toLowerCase()).toContain('connection: close');
    expect(refused.head.toLowerCase()).toContain('retry-after: 1');
    const payload = await api.app.inject('/metrics');
    expect(payload.payload).toContain('holdfast_http_shed_total{class="bulk",reason="bytes"} 1');
    const small = requestBytes('POST', bulk, { items: [{ key: 'k', value: 1 }] });
    expect((await send(port, small)).status).toBe(200);

    first.write(body);
    expect((await answerOn(first)).status).toBe(200);
    expect((await send(port, headOf(bulk, body.length) + body)).status).toBe(200);
    second.destroy();
    await eventually(async () => expect(await heldBytes()).toBe(0));
  });

  it('is taken as they come by bodies that do not say how long they are', async () => {
    const chunked = `PUT ${cache}/k HTTP/1.1\r\nHost: localhost\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n`;
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const whole = await send(port, `${chunked}${chunk.repeat(16)}0\r\n\r\n`);
    expect([201, 204]).toContain(whole.status);
    await eventually(async () => expect(await heldBytes()).toBe(0));
    const endless = await begin(chunked + chunk.repeat(80));
    // It would not fit into all of it, so there is no use in sending it again later.
    expectProblem(await answerOn(endless), 413, 'BODY_TOO_LARGE');
    await eventually(async () => expect(await heldBytes()).toBe(0));
  });

  it('is not taken by a body that nobody asked for: it is neither waited for nor kept', async () => {
    const unfinished = headOf('/nothing', 60_000) + 'x'.repeat(50_000);
    expectProblem(await send(port, unfinished), 404, 'ROUTE_NOT_FOUND');
    expect(await heldBytes()).toBe(0);
  });

  it('is asked for before a caller who waits for leave (100-continue) is told to send', async () => {
    const asks = (path: string): string =>
      headOf(path, body.length).replace('\r\n\r\n', '\r\nexpect: 100-continue\r\n\r\n');
    const first = await begin(asks(bulk));
    expect((await receive(first, (text) => text.includes('\r\n\r\n'))).text).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    const second = await begin(asks(bulk));
    await eventually(async () => expect(await heldBytes()).toBe(2 * 8 * body.length));
    const refused = await send(port, asks(bulk));
    expectProblem(refused, 503, 'OVERLOADED');
    expect(refused.head.toLowerCase()).toContain('connection: close');
    first.write(body);
    expect((await receive(first, (text) => text.includes('HTTP/1.1 200 '))).isClosed).toBe(false);
    second.destroy();
  });

  it('refuses for good what would need more than there is', async () => {
    const refused = await send(port, headOf(bulk, 2 * MiB));
    expectProblem(refused, 413, 'BODY_TOO_LARGE');
    expect(refused.body).toContain('BODY_BUDGET');
  });

  it('reads little of a body that it refuses, and waits a second for its sender to read why', async () => {
    const waiting = [await begin(headOf(bulk, body.length)), await begin(headOf(bulk, body.length))];
    await eventually(async () => expect(await heldBytes()).toBe(2 * 8 * body.length));
    const accepted = new Promise<Socket>((resolve) => api.app.server.once('connection', resolve));
    const bytes = 3 * MiB;
    const put = `PUT ${cache}/k HTTP/1.1\r\nHost: localhost\r\ncontent-type: text/plain\r\ncontent-length: ${bytes}\r\n\r\n`;
    const socket = await begin(put + 'x'.repeat(bytes));
    const served = await accepted;
    expectProblem(await answerOn(socket), 503, 'OVERLOADED');
    await eventually(() => expect(served.destroyed).toBe(true));
    expect(served.bytesRead).toBeLessThan(MiB);
    expect(waiting.every(({ destroyed }) => !destroyed)).toBe(true);
  });

  it('is given to who needs it by who does not go on', async () => {
    const standing = [await begin(headOf(bulk, body.length)), await begin(headOf(bulk, body.length))];
    const answers = standing.map((socket) => answerOn(socket));
    await eventually(async () => {
      const answer = await send(port, headOf(bulk, body.length) + body);
      expect(answer.status).toBe(200);
    });
    const first = await Promise.race(answers);
    expectProblem(first, 503, 'OVERLOADED');
    expect(first.body).toContain('did not go on');
  });

  it('is held by work that goes on for a caller who has left', async () => {
    const writes = hold(api.runtime.parts.cache.caches.get('prompts'), 'writeMany');
    try {
      const left = await begin(headOf(bulk, body.length) + body);
      await writes.reached.wait();
      left.destroy();
      await eventually(async () => expect((await api.app.inject('/metrics')).payload).toContain('status="499"} 1'));
      expect(await heldBytes()).toBe(8 * body.length);
      writes.release();
      await eventually(async () => expect(await heldBytes()).toBe(0));
    } finally {
      writes.restore();
    }
  });
});

describe('the memory of answers that nobody reads', () => {
  it('is not there for others, until the answers are cut off for them', async () => {
    // More than the kernel takes for a socket.
    const stored = 8 * MiB;
    const api = await startApi({ env: { BODY_BUDGET: String(24 * MiB) } });
    const unread: Socket[] = [];
    try {
      const port = await listen(api);
      const path = `${cache}/answer`;
      const get = (): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);
      const put = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'PUT', body: 'x'.repeat(stored) });
      expect([201, 204]).toContain(put.status);
      for (const _ of [1, 2]) unread.push((await open(port, requestBytes('GET', path))).pause());
      await eventually(async () =>
        expect((await api.app.inject('/metrics')).payload).toContain(`\nholdfast_http_held_bytes ${2 * stored}\n`),
      );
      const refused = await send(port, requestBytes('GET', path));
      expectProblem(refused, 503, 'OVERLOADED');
      expect(refused.head.toLowerCase()).not.toContain('etag');
      await eventually(async () => expect((await (await get()).arrayBuffer()).byteLength).toBe(stored));
      const cut = await Promise.all(unread.map((socket) => receive(socket.resume(), isWhole)));
      expect(cut.map(({ text }) => isWhole(text))).toContain(false);
    } finally {
      for (const socket of unread) socket.destroy();
      await api.close();
    }
  });
});
