import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { Consumer, QueueUnavailableError } from '@holdfast/queue';
import type { Handler, JobEvent, QueueDefinition } from '@holdfast/queue';
import { eventually, Latch } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';
import { seenExchanges } from './seen-exchanges.ts';

interface Message {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** What a stream holds, without the comments and the hint how soon to connect again. */
function parse(text: string): Message[] {
  return text
    .split('\n\n')
    .filter((block) => block.startsWith('id:'))
    .map((block) => {
      const [, id = '', event = '', data = ''] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? [];
      return { id, event, data: JSON.parse(data) as unknown };
    });
}

describe('the events of a job over REST', () => {
  let api: Api;
  let origin: string;
  let port: number;
  const jobs = '/v1/queues/http-delivery/jobs';
  const consumers: Consumer[] = [];
  beforeAll(async () => {
    api = await startApi();
    origin = await api.app.listen({ host: '127.0.0.1', port: 0 });
    ({ port } = api.app.server.address() as AddressInfo);
  });
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
    await api.runtime.parts.queues.queues.admin.drain('http-delivery', { delayed: true });
  });
  afterAll(() => api.close());

  const add = async (options: object = {}): Promise<string> => {
    const payload = { data: { url: 'https://example.com/' }, options };
    return (await api.app.inject({ method: 'POST', url: jobs, payload })).json<{ id: string }>().id;
  };
  const consume = async (handler: Handler): Promise<void> => {
    const definition: QueueDefinition = api.runtime.parts.queues.queues.definition('http-delivery');
    const consumer = new Consumer({ backend: api.runtime.parts.queues.backend, definition, handler });
    consumers.push(consumer);
    await consumer.start();
  };
  const follow = async (id: string, lastEventId?: string) => {
    const end = new AbortController();
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const answer = await fetch(`${origin}${jobs}/${id}/events`, { headers, signal: end.signal });
    return { answer, end };
  };
  const firstOf = async (answer: Response, count: number): Promise<Message[]> => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (parse(text).length >= count) break;
    }
    return parse(text);
  };

  it('come as they happen, until it has ended', async () => {
    const id = await add();
    const { answer } = await follow(id);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    await consume(async (job) => {
      await job.progress(50);
      await job.log('a line\nwith a break');
      return { status: 204 };
    });
    const messages = parse(await answer.text());
    expect(messages.map(({ event }) => event).toSorted()).toEqual(['completed', 'log', 'progress', 'state', 'state']);
    expect(messages.find(({ event }) => event === 'log')?.data).toEqual({ line: 'a line\nwith a break' });
    expect(messages.find(({ event }) => event === 'progress')?.data).toEqual({ progress: 50 });
    expect(messages.at(-1)).toMatchObject({ event: 'completed', data: { result: { status: 204 } } });
  });

  it('are told of a job that had ended, and a client that saw the end is told not to come again', async () => {
    await consume(async () => {
      throw Object.assign(new Error('no'), { code: 'NOT_TODAY' });
    });
    const id = await add({ attempts: 1 });
    await api.app.inject(`${jobs}/${id}?wait=30s`);
    const url = `${jobs}/${id}/events`;
    const [end] = parse((await api.app.inject(url)).payload);
    expect(end).toMatchObject({ event: 'failed', data: { error: { code: 'NOT_TODAY', message: 'no' } } });
    const again = await api.app.inject({ url, headers: { 'last-event-id': end?.id ?? '' } });
    expect(again.statusCode).toBe(204);
    // One that has ended makes room for another.
    for (let n = 0; n < 210; n += 1) expect((await api.app.inject(url)).statusCode).toBe(200);
  });

  it('go on where a connection broke off', async () => {
    const id = await add();
    const first = await follow(id);
    const mayEnd = new Latch();
    await consume(async (job) => {
      await job.progress(1);
      await mayEnd.wait();
      return 'end';
    });
    const seen = await firstOf(first.answer, 2);
    first.end.abort();
    mayEnd.open();
    await api.app.inject(`${jobs}/${id}?wait=30s`);
    const second = await follow(id, seen.at(-1)?.id);
    const told = [...seen, ...parse(await second.answer.text())];
    expect(told.map(({ event, data }) => [event, data])).toEqual([
      ['state', { state: 'prioritized' }],
      ['state', { state: 'active' }],
      ['progress', { progress: 1 }],
      ['completed', { result: 'end' }],
    ]);
  });

  it.each(['x', '1-2-3', '-1', '1.2.3', '99999999999999999999'])('do not go on behind %j', async (lastEventId) => {
    const id = await add({ delay: '1h' });
    const answer = await api.app.inject({ url: `${jobs}/${id}/events`, headers: { 'last-event-id': lastEventId } });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ errors: [{ path: 'headers.last-event-id' }] });
  });

  it('are not there for a job or a queue that is not', async () => {
    expect((await api.app.inject(`${jobs}/absent/events`)).json()).toMatchObject({ code: 'JOB_NOT_FOUND' });
    expect((await api.app.inject('/v1/queues/nope/jobs/a/events')).json()).toMatchObject({ code: 'QUEUE_UNKNOWN' });
    expect((await api.app.inject({ method: 'HEAD', url: `${jobs}/absent/events` })).statusCode).toBe(405);
  });

  it('are cut off where nobody reads them, and cost no more than that', async () => {
    const id = await add({ delay: '1h' });
    const accepted = new Promise<Socket>((resolve) => api.app.server.once('connection', resolve));
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`GET ${jobs}/${id}/events HTTP/1.1\r\nhost: x\r\n\r\n`);
    const served = await accepted;
    await new Promise((resolve) => socket.once('readable', resolve));
    const job = await api.runtime.parts.queues.backend.open('http-delivery').queue.getJob(id);
    const progress = 'x'.repeat(100_000);
    // More than the sockets in between take, and what is kept behind them.
    for (let n = 0; n < 1000 && !served.destroyed; n += 1) await job?.updateProgress(progress);
    expect(served.destroyed).toBe(true);
    socket.destroy();
    expect(api.log.filter((line) => line.includes('"INTERNAL"'))).toEqual([]);
  });
});

describe('event streams of a process', () => {
  it('are bounded', async () => {
    const api = await startApi();
    const { id } = await api.runtime.parts.queues.queues.add('http-delivery', {
      data: { url: 'https://example.com/' },
      options: { delayMs: 60_000 },
    });
    const url = `/v1/queues/http-delivery/jobs/${id}/events`;
    const reads = vi.spyOn(api.runtime.parts.queues.backend.open('http-delivery').jobs, 'read');
    const streams = Array.from({ length: 1001 }, () => api.app.inject(url));
    const refused = await Promise.race(streams);
    expect(refused.json()).toMatchObject({ status: 503, code: 'TOO_MANY_STREAMS' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    await eventually(() =>
      expect(reads.mock.settledResults.filter(({ type }) => type === 'fulfilled')).toHaveLength(1000),
    );
    await api.close();
    const served = (await Promise.all(streams)).filter(({ statusCode }) => statusCode === 200);
    expect(served).toHaveLength(1000);
  });

  it('are counted and logged as what they broke off for: an outage is no fault of the service', async () => {
    const api = await startApi();
    const { timesSeen, logged } = seenExchanges(() => api);
    const origin = await api.app.listen({ host: '127.0.0.1', port: 0 });
    async function* lost(): AsyncGenerator<JobEvent> {
      yield { type: 'heartbeat' };
      throw new QueueUnavailableError('The store went away while the log was read.');
    }
    vi.spyOn(api.runtime.parts.queues.queues.admin, 'watch').mockResolvedValue(lost());
    const answer = await fetch(`${origin}/v1/queues/http-delivery/jobs/any/events`);
    await expect(answer.text()).rejects.toThrow();
    await eventually(async () => expect(await timesSeen(['GET'], '/v1/queues/:q/jobs/:id/events', 503)).toBe(1));
    expect(logged(0).filter(({ msg }) => msg === 'answer broke off')).toMatchObject([
      { level: 'warn', code: 'QUEUE_UNAVAILABLE' },
    ]);
    expect(logged(0).filter(({ level }) => level === 'error')).toEqual([]);
    await api.close();
  });

  it('are ended when it stops', async () => {
    const api = await startApi();
    const origin = await api.app.listen({ host: '127.0.0.1', port: 0 });
    const { id } = await api.runtime.parts.queues.queues.add('http-delivery', {
      data: { url: 'https://example.com/' },
      options: { delayMs: 60_000 },
    });
    const answer = await fetch(`${origin}/v1/queues/http-delivery/jobs/${id}/events`);
    const reader = answer.body?.getReader();
    await reader?.read();
    await api.close();
    for (let last = await reader?.read(); last?.done === false; last = await reader?.read());
  });
});
