import { eventually } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';
import { doneBy, longCalls } from './long-calls.ts';
import { isWhole, listen, open, receive, requestBytes } from './raw-http.ts';
import { seenExchanges } from './seen-exchanges.ts';

let api: Api;
let port: number;
const { inFlight, timesSeen, logged } = seenExchanges(() => api);
const calls = longCalls(() => api);

// What is streamed has begun by then, also on a busy machine.
describe.each([
  ['before its answer', '1000', calls.filter(({ isStreamed }) => isStreamed !== true)],
  ['in the middle of its answer', '5000', calls.filter(({ isStreamed }) => isStreamed === true)],
])('REQUEST_TIMEOUT ends, %s', (_when, limit, ended) => {
  beforeAll(async () => {
    api = await startApi({ env: { REQUEST_TIMEOUT: limit } });
    port = await listen(api);
  });
  afterAll(() => api.close());
  beforeEach(async () => {
    await api.runtime.parts.queues.queues.admin.drain('http-delivery', { delayed: true });
  });
  afterEach(async () => {
    expect(await inFlight()).toBe(0);
  });

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
      await eventually(async () => expect(await timesSeen(request, route, 503)).toBe(before + 1), {
        timeoutMs: 60_000,
      });
      step.release();
      if (done !== undefined)
        expect(await doneBy(work, done.count)).toBeLessThanOrEqual('is' in done ? done.is : done.atMost);
      await Promise.all(step.outcomes.map((one) => one.catch(() => undefined)));
      expect(await inFlight()).toBe(0);
      expect(logged(logLength).filter(({ level }) => level === 'error')).toEqual([]);
    } finally {
      work?.restore();
      step.restore();
    }
  });
});
