import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Consumer } from '@holdfast/queue';
import type { Handler, QueueDefinition } from '@holdfast/queue';
import { eventually, Latch } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endingRoutes, neverAsked } from './ending-routes.ts';
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
  const upstreamItems = 250;
  const pages = new Set<number>();
  const upstream = createServer(({ url = '' }, response) => {
    const { searchParams } = new URL(url, 'http://upstream');
    const [page, size] = ['pageNum', 'pageSize'].map((name) => Number(searchParams.get(name))) as [number, number];
    pages.add(page);
    const all = Array.from({ length: upstreamItems }, (_, n) => ({ id: `gpu-${n}`, name: `GPU ${n}` }));
    const instances = all.slice((page - 1) * size, page * size);
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ instances, total: all.length }));
  });
  beforeAll(async () => {
    await once(upstream.listen(0, '127.0.0.1'), 'listening');
    const { port } = upstream.address() as AddressInfo;
    api = await startApi({ env: { NOVITA_API_BASE_URL: `http://127.0.0.1:${port}` } });
    origin = `http://127.0.0.1:${await listen(api)}`;
  });
  afterAll(async () => {
    await Promise.all(consumers.map(async (consumer) => consumer.close({ timeoutMs: 3000 })));
    await api.close();
    upstream.close();
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
    const definition: QueueDefinition = api.runtime.parts.queues.queues.definition('http-delivery');
    const consumer = new Consumer({ backend: api.runtime.parts.queues.backend, definition, handler, concurrency: 50 });
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
    const failed = async (): Promise<number> =>
      (await api.runtime.parts.queues.queues.summary('http-delivery')).counts.failed;
    const untilFailed = (count: number): Promise<void> =>
      eventually(async () => expect(await failed()).toBe(count), { intervalMs: 50 });
    await post(`${queue}/jobs/bulk`, { jobs: jobs(1200, { attempts: 1 }) });
    // Retention keeps the last 1000 of this queue.
    await eventually(async () => expect(await failed()).toBeGreaterThanOrEqual(1000));
    await eventually(async () => {
      const { counts } = await api.runtime.parts.queues.queues.summary('http-delivery');
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

  it('what depends on an entity is invalidated, of many that a field names and of many that carry its tag', async () => {
    const { caches } = api.runtime.parts.cache;
    const json = (value: unknown) => ({ body: Buffer.from(JSON.stringify(value)), contentType: 'application/json' });
    const ids = Array.from({ length: 1200 }, (_, n) => `p${n}`);
    await caches.get('asset').write('1', json({ projectId: ids }));
    await caches.get('project').writeMany(ids.map((key) => ({ key, ...json({}) })));
    await caches.get('asset').writeMany(ids.map((key) => ({ key, ...json({}), tags: ['creator:7'] })));
    const named = (await post('/v1/entities/asset/1/invalidate', undefined)) as { invalidated: { type: string }[] };
    expect(named.invalidated.filter(({ type }) => type === 'project')).toHaveLength(1200);
    expect(await caches.get('project').readMany(ids)).toEqual(ids.map(() => null));
    await post('/v1/entities/creator/7/invalidate', undefined);
    expect(await caches.get('asset').readMany(ids)).toEqual(ids.map(() => null));
  });

  it('a sync of a source is begun, and mirrors each page', async () => {
    const { sources } = api.runtime.parts.sources;
    const { queues, backend } = api.runtime.parts.queues;
    const syncer = new Consumer({
      backend,
      definition: queues.definition('source-sync'),
      handler: async ({ data }) => sources.get(data.source).sync(),
    });
    consumers.push(syncer);
    await syncer.start();
    const { jobId } = (await post('/v1/sources/instances/sync', undefined)) as { jobId: string };
    expect(await call('GET', `/v1/queues/source-sync/jobs/${jobId}?wait=20s`)).toMatchObject({ state: 'completed' });
    expect(pages).toEqual(new Set([1, 2, 3]));
    expect(await call('GET', '/v1/sources/instances')).toMatchObject({ items: upstreamItems });
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

  // Of what was asked above, so it needs the whole file: what is new and has no test here fails it.
  it('no route that loops, streams or waits is left out', async () => {
    expect(endingRoutes().length).toBeGreaterThan(10);
    expect(await neverAsked(api)).toEqual([]);
  });
});
