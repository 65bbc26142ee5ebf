import { afterEach, describe, expect, it } from 'vitest';
import { loadData, startUpstream, stateAt } from '@holdfast/example-upstream';
import type { Instance, Product, UpstreamServer, UpstreamServerOptions } from '@holdfast/example-upstream';

const noon = Date.parse('2026-11-20T12:00:00Z');
const expected = stateAt(loadData(), noon);
const INSTANCES = '/gpu-instance/openapi/v1/gpu/instances';
const PRODUCTS = '/gpu-instance/openapi/v1/products';

interface InstancesPage {
  instances: Instance[];
  pageNum: number;
  pageSize: number;
  total: number;
}

let server: UpstreamServer | undefined;
afterEach(async () => server?.close());

async function start(options: UpstreamServerOptions = {}): Promise<string> {
  server = await startUpstream({ latencyMs: 0, now: () => noon, ...options });
  return server.url;
}

async function json<Body>(url: string): Promise<Body> {
  return (await (await fetch(url)).json()) as Body;
}

describe('instances', () => {
  it('come 20 a page, the first page first, unless asked otherwise', async () => {
    const url = await start();
    const page = await json<InstancesPage>(url + INSTANCES);
    expect(page).toEqual({
      instances: expected.instances.slice(0, 20),
      pageNum: 1,
      pageSize: 20,
      total: expected.instances.length,
    });
  });

  it('make up the whole collection, page by page, and end with an empty page', async () => {
    const url = await start();
    const all: Instance[] = [];
    let pageNum = 1;
    for (; ; pageNum += 1) {
      const { instances } = await json<InstancesPage>(`${url}${INSTANCES}?pageNum=${pageNum}&pageSize=100`);
      if (instances.length === 0) break;
      all.push(...instances);
    }
    expect(all).toEqual(expected.instances);
    expect(pageNum).toBe(Math.ceil(expected.instances.length / 100) + 1);
  });

  it.each([
    'pageNum=0',
    'pageNum=-1',
    'pageNum=x',
    'pageNum=1.5',
    'pageNum=',
    'pageSize=0',
    'pageSize=101',
    'pageSize=1e2',
    'pageNum=1&pageNum=2',
  ])('refuse %s', async (query) => {
    const url = await start();
    const response = await fetch(`${url}${INSTANCES}?${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 400, message: expect.stringContaining('whole number') });
  });

  it('can be read one by one', async () => {
    const url = await start();
    expect(await json(`${url}${INSTANCES}/74b5ca4f9baa149a`)).toMatchObject({ id: '74b5ca4f9baa149a' });
    expect((await fetch(`${url}${INSTANCES}/none`)).status).toBe(404);
  });
});

describe('products', () => {
  it('come all at once', async () => {
    const url = await start();
    expect(await json(url + PRODUCTS)).toEqual({ data: expected.products });
  });

  it('come in pages where asked for', async () => {
    const url = await start();
    const page = await json<{ data: Product[] }>(`${url}${PRODUCTS}?pageNum=2&pageSize=50`);
    expect(page).toEqual({
      data: expected.products.slice(50),
      pageNum: 2,
      pageSize: 50,
      total: expected.products.length,
    });
  });
});

describe('the server', () => {
  it('holds every answer back', async () => {
    const url = await start({ latencyMs: 60 });
    const started = performance.now();
    await fetch(url + PRODUCTS);
    expect(performance.now() - started).toBeGreaterThanOrEqual(59);
  });

  it('wants its key where it has one', async () => {
    const url = await start({ apiKey: 'secret' });
    expect((await fetch(url + PRODUCTS)).status).toBe(401);
    expect((await fetch(url + PRODUCTS, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
    expect((await fetch(url + PRODUCTS, { headers: { authorization: 'Bearer secret' } })).status).toBe(200);
  });

  it('answers an unknown path with 404', async () => {
    const url = await start();
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
  });

  it('closes at once, with requests still open', async () => {
    const url = await start({ latencyMs: 60_000 });
    const request = fetch(url + PRODUCTS);
    const failed = expect(request).rejects.toThrow('fetch failed');
    const response = fetch(url + INSTANCES).catch(() => undefined);
    await server?.close();
    await failed;
    await response;
  });
});
