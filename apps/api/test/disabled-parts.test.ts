import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

const file = join(mkdtempSync(join(tmpdir(), 'holdfast-disabled-')), 'holdfast.yaml');
writeFileSync(
  file,
  `
queues:
  http-delivery: { enabled: false }
  source-sync: { enabled: false }
  mail: { url: 'http://mail.internal/' }
sources:
  products: { enabled: false }
`,
);

describe('what is turned off', () => {
  let api: Api;
  let address: string;
  beforeAll(async () => {
    api = await startApi({ env: { HOLDFAST_CONFIG: file, NOVITA_API_BASE_URL: 'http://127.0.0.1:9/' } });
    address = await api.app.listen({ port: 0, host: '127.0.0.1' });
  });
  afterAll(async () => api.close());
  const problemOf = async (path: string, method = 'GET', body?: unknown): Promise<ProblemBody> => {
    const json =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    return (await (await fetch(address + path, { method, ...json })).json()) as ProblemBody;
  };

  it.each([
    ['GET', '/v1/queues/http-delivery', undefined],
    ['GET', '/v1/queues/http-delivery/jobs?state=failed', undefined],
    ['POST', '/v1/queues/http-delivery/jobs', { data: { url: 'http://h/' } }],
    ['POST', '/v1/queues/http-delivery/jobs/bulk', { jobs: [{ data: { url: 'http://h/' } }] }],
    ['GET', '/v1/queues/http-delivery/jobs/x?wait=1s', undefined],
    ['GET', '/v1/queues/http-delivery/jobs/x/events', undefined],
    ['POST', '/v1/queues/http-delivery/jobs/x/cancel', undefined],
    ['GET', '/v1/queues/http-delivery/dead-letters', undefined],
    ['GET', '/v1/queues/http-delivery/schedules', undefined],
    ['POST', '/v1/queues/http-delivery/pause', undefined],
  ])('of queues is 404 QUEUE_DISABLED: %s %s', async (method, path, body) => {
    expect(await problemOf(path, method, body)).toMatchObject({
      status: 404,
      code: 'QUEUE_DISABLED',
      detail: 'The queue "http-delivery" is turned off in the configuration.',
    });
  });

  it.each([
    ['GET', '/v1/sources/products'],
    ['GET', '/v1/sources/products/items'],
    ['GET', '/v1/sources/products/items/1'],
    ['POST', '/v1/sources/products/sync'],
  ])('of sources is 404 SOURCE_DISABLED: %s %s', async (method, path) => {
    expect(await problemOf(path, method)).toMatchObject({ status: 404, code: 'SOURCE_DISABLED' });
  });

  it('is in no list, no metric and no health', async () => {
    const text = async (path: string): Promise<string> => (await fetch(address + path)).text();
    expect(JSON.parse(await text('/v1/queues'))).toMatchObject({ queues: [{ name: 'mail' }] });
    expect(JSON.parse(await text('/v1/sources'))).toMatchObject({ sources: [{ name: 'instances', nextSync: null }] });
    expect(JSON.parse(await text('/health'))).toMatchObject({ queues: { names: ['mail'] } });
    expect(await text('/metrics')).not.toMatch(/queue="(?:http-delivery|source-sync)"|source="products"/);
  });

  it('is named where it is needed: a source cannot be synced without its queue', async () => {
    expect(await problemOf('/v1/sources/instances/sync', 'POST')).toMatchObject({
      status: 404,
      code: 'QUEUE_DISABLED',
    });
  });

  it('leaves its namespace to the cache', async () => {
    const put = await fetch(`${address}/v1/cache/products/mine`, { method: 'PUT', body: '1' });
    expect(put.status).toBe(201);
  });
});
