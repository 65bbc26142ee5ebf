import { Consumer } from '@holdfast/queue';
import type { Handler } from '@holdfast/queue';
import { eventually, Latch } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api } from './fixture.ts';
import { listen } from './raw-http.ts';

/**
 * Node ends a request as soon as its body was read, which no `inject` shows. So everything that goes in batches, streams or
 * waits is asked over a socket here, with a body wherever it may have one, and for more than one batch.
 */
describe('over a socket, all of what was asked for is done', () => {
  let api: Api;
  let origin: string;
  const queue = '/v1/queues/http-delivery';
  const cache = '/v1/cache/prompts';
  const consumers: Consumer[] = [];
  beforeAll(async () => {
    api = await startApi();
    origin = `http://127.0.0.1:${await listen(api)}`;
  });
  afterAll(async () => {
    await Promise.all(consumers.map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
    await api.close();
  });

  const ask = async (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(`${origin}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await ask(method, path, body);
    const text = await answer.text();
    expect([200, 202], text.slice(0, 500)).toContain(answer.status);
    return JSON.parse(text) as unknown;
  };
  const post = (path: string, body: unknown): Promise<unknown> => call('POST', path, body);
  const consume = async (handler: Handler): Promise<Consumer> => {
    const definition = api.runtime.queues.definition('http-delivery');
    const consumer = new Consumer({ backend: api.runtime.queueBackend, definition, handler, concurrency: 50 });
    consumers.push(consumer);
    await consumer.start();
    return consumer;
  };
  const jobs = (count: number, options: object = { delay: '1h' }): object[] =>
    Array.from({ length: count }, () => ({ data: { url: 'https://example.com/' }, options }));
  const items = (from: number, to: number): { readonly key: string; readonly value: number }[] =>
    Array.from({ length: to - from }, (_, n) => ({ key: `k:${from + n}`, value: from + n }));
  const keys = (from: number, to: number): string[] => items(from, to).map(({ key }) => key);

  it('10,000 jobs are added, and cleaned', async () => {
    expect(await post(`${queue}/jobs/bulk`, { jobs: jobs(10_000) })).toMatchObject({ accepted: 10_000, rejected: 0 });
    expect(await post(`${queue}/clean`, { state: 'delayed', limit: 10_000 })).toEqual({ removed: 10_000 });
  });

  it('a queue is drained, of those that wait and of those that are delayed', async () => {
    await post(`${queue}/jobs/bulk`, { jobs: [...jobs(1100, {}), ...jobs(1100)] });
    expect(await post(`${queue}/drain`, { delayed: false })).toEqual({ removed: 1100 });
    expect(await post(`${queue}/drain`, { delayed: true })).toEqual({ removed: 1100 });
  });

  it('what has failed is listed, redriven, and cleaned, in either way', async () => {
    const consumer = await consume(async () => {
      throw new Error('not today');
    });
    const failed = async (): Promise<number> => (await api.runtime.queues.summary('http-delivery')).counts.failed;
    const untilFailed = (count: number): Promise<void> =>
      eventually(async () => expect(await failed()).toBe(count), { intervalMs: 50 });
    await post(`${queue}/jobs/bulk`, { jobs: jobs(1200, { attempts: 1 }) });
    // Retention keeps the last 1000 of this queue.
    await eventually(async () => expect(await failed()).toBeGreaterThanOrEqual(1000));
    await eventually(async () => {
      const { counts } = await api.runtime.queues.summary('http-delivery');
      expect(counts.active + counts.waiting + counts.prioritized).toBe(0);
    });
    const dead = await failed();
    await consumer.close({ timeoutMs: 3000 });

    expect(await call('GET', `${queue}/dead-letters?limit=100`)).toMatchObject({ jobs: { length: 100 } });
    expect(await post(`${queue}/dead-letters/redrive`, { limit: 600 })).toMatchObject({ redriven: 600, failed: 0 });
    await consume(async () => {
      throw new Error('not tomorrow');
    });
    await untilFailed(dead);
    expect(await post(`${queue}/dead-letters/clean`, { limit: 300 })).toMatchObject({ removed: 300 });
    expect(await post(`${queue}/clean`, { state: 'failed', limit: 600 })).toEqual({ removed: 600 });
    await Promise.all(consumers.splice(0).map(async (one) => one.close({ timeoutMs: 3000 })));
  });

  it('jobs are listed, page by page', async () => {
    await post(`${queue}/jobs/bulk`, { jobs: jobs(250) });
    const seen = new Set<string>();
    for (let cursor: string | null | undefined; cursor !== null;) {
      const query: string = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = (await call('GET', `${queue}/jobs?state=delayed&limit=100${query}`)) as {
        jobs: { id: string }[];
        cursor: string | null;
      };
      for (const { id } of page.jobs) seen.add(id);
      ({ cursor } = page);
    }
    expect(seen.size).toBe(250);
    await post(`${queue}/drain`, { delayed: true });
  });

  it('entries are written, read, synced, invalidated and removed', async () => {
    expect(await post(`${cache}/bulk/set`, { items: items(0, 1500) })).toMatchObject({ successful: 1500, failed: 0 });
    const read = (await post(`${cache}/bulk/get`, { keys: keys(0, 1500) })) as { items: { value: number }[] };
    expect(read.items.map(({ value }) => value)).toEqual(items(0, 1500).map(({ value }) => value));
    expect(await post(`${cache}/sync`, { updates: items(1500, 3000), deletions: keys(0, 1100) })).toMatchObject({
      updated: 1500,
      deleted: 1100,
      failed: 0,
    });
    expect(await post(`${cache}/bulk/delete`, { keys: keys(1100, 2300) })).toMatchObject({ successful: 1200 });
    expect(await post(`${cache}/invalidate`, { prefix: 'k:' })).toEqual({ invalidated: 700 });
    expect(await post(`${cache}/invalidate`, { all: true, mode: 'expire' })).toEqual({ invalidated: 0 });
  });

  it('a sync of a source is begun', async () => {
    const answer = await ask('POST', '/v1/sources/instances/sync');
    // Without an upstream, as here, there is nothing to sync; but it is answered.
    expect(answer.status).toBe(501);
  });

  it('whoever waits for a job, or follows it, is told of its end', async () => {
    const mayEnd = new Latch();
    await consume(async () => {
      await mayEnd.wait();
      return { done: true };
    });
    const added = (await (
      await ask('POST', `${queue}/jobs`, { data: { url: 'https://example.com/' }, options: { jobId: 'waited-for' } })
    ).json()) as { id: string };
    const waiting = call('GET', `${queue}/jobs/${added.id}?wait=30s`);
    const events = await ask('GET', `${queue}/jobs/${added.id}/events`);
    mayEnd.open();
    expect(await waiting).toMatchObject({ state: 'completed', result: { done: true } });
    expect(await events.text()).toContain('event: completed');
  });
});
