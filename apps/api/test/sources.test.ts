import { createServer } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

describe('sources over REST', () => {
  let api: Api;
  const upstream = createServer((_request, response) => {
    const instances = [1, 2, 3].map((n) => ({ id: `gpu-${n}`, name: `GPU ${n}` }));
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ instances, total: 3 }));
  });

  beforeAll(async () => {
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const address = upstream.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    api = await startApi({ env: { NOVITA_API_BASE_URL: `http://127.0.0.1:${port}` } });
    await api.runtime.parts.sources.sources.get('instances').sync();
  });
  afterAll(async () => {
    await api.close();
    upstream.close();
  });

  it('lists them with their last sync', async () => {
    const { sources } = (await api.app.inject('/v1/sources')).json<{ sources: object[] }>();
    expect(sources).toMatchObject([
      { name: 'instances', items: 3, healthy: true, lastSync: { updated: 3, deleted: 0 }, nextSync: null },
      { name: 'products', items: 0, healthy: false, lastSync: null },
    ]);
    expect((await api.app.inject('/v1/sources/instances')).json()).toEqual(sources[0]);
  });

  it('serves an item from the cache, as the upstream gave it', async () => {
    const answer = await api.app.inject('/v1/sources/instances/items/gpu-2');
    expect(answer.json()).toEqual({ id: 'gpu-2', name: 'GPU 2' });
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.headers['cache-status']).toBe('holdfast; hit; detail=l2');
    const again = await api.app.inject({
      url: '/v1/sources/instances/items/gpu-2',
      headers: { 'if-none-match': String(answer.headers['etag']) },
    });
    expect(again.statusCode).toBe(304);
  });

  it('pages through the items', async () => {
    const first = (await api.app.inject('/v1/sources/instances/items?limit=2')).json<{
      items: object[];
      cursor: string;
    }>();
    expect(first.items).toHaveLength(2);
    const next = (await api.app.inject(`/v1/sources/instances/items?limit=2&cursor=${first.cursor}`)).json();
    expect(next).toEqual({ items: [{ id: 'gpu-3', name: 'GPU 3' }], cursor: null });
  });

  it('knows from the schedule when it syncs next', async () => {
    await api.runtime.parts.queues.queues.ensureSchedules([
      { queue: 'source-sync', id: 'instances', schedule: { everyMs: 600_000 }, data: { source: 'instances' } },
    ]);
    const { nextSync } = (await api.app.inject('/v1/sources/instances')).json<{ nextSync: string }>();
    expect(Date.parse(nextSync)).toBeGreaterThan(Date.now() - 600_000);
  });

  it('adds a job that syncs, and names it', async () => {
    const answer = await api.app.inject({ method: 'POST', url: '/v1/sources/instances/sync' });
    expect(answer.statusCode).toBe(202);
    const { jobId, queue } = answer.json<{ jobId: string; queue: string }>();
    expect(answer.headers['location']).toBe(`/v1/queues/${queue}/jobs/${jobId}`);
    expect((await api.app.inject(`/v1/queues/${queue}/jobs/${jobId}`)).json()).toMatchObject({
      data: { source: 'instances' },
    });
  });

  it('runs without an upstream, and says so when a sync is asked for', async () => {
    const alone = await startApi({ engine: 'memory' });
    expect((await alone.app.inject('/v1/sources/instances')).json()).toMatchObject({ url: null, items: 0 });
    const answer = await alone.app.inject({ method: 'POST', url: '/v1/sources/instances/sync' });
    expect(answer.statusCode).toBe(501);
    expect(answer.json<ProblemBody>().code).toBe('UPSTREAM_NOT_CONFIGURED');
    await alone.close();
  });
});
