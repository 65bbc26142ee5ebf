import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey, startApi } from './fixture.ts';
import type { Api } from './fixture.ts';
import { expectProblem, listen, requestBytes, send } from './raw-http.ts';

const board = '/admin/queues';
const data = { url: 'https://example.com/' };

describe('Bull Board without API keys', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi();
    await api.runtime.parts.queues.queues.add('http-delivery', {
      data,
      options: { jobId: 'seen', delayMs: 3_600_000 },
    });
  });
  afterAll(() => api.close());

  const get = (path: string, options: InjectOptions = {}) =>
    api.app.inject({ url: `${board}${path}`, headers: { host: 'localhost:3000' }, ...options });

  it('is there for this machine, and needs nothing from elsewhere', async () => {
    const page = await get('/');
    expect(page.statusCode, page.payload).toBe(200);
    expect(page.headers['content-type']).toContain('text/html');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('http');
    expect(policy).not.toMatch(/script-src[^;]*unsafe/);
    const script = /src="(static\/js\/[^"]+)"/.exec(page.payload)?.[1];
    expect((await get(`/${script}`)).statusCode).toBe(200);
    expect((await get('/static/../../package.json')).statusCode).toBe(404);
  });

  it('shows our queues and their jobs', async () => {
    const { queues } = (await get('/api/queues?activeQueue=http-delivery&status=delayed')).json<{
      queues: { name: string; counts: { delayed: number }; jobs: { id: string; data: object }[] }[];
    }>();
    expect(queues.map(({ name }) => name)).toEqual(api.runtime.parts.queues.queues.names());
    const queue = queues.find(({ name }) => name === 'http-delivery');
    expect(queue?.counts.delayed).toBe(1);
    expect(queue?.jobs).toMatchObject([{ id: 'seen', data }]);
  });

  it('changes them', async () => {
    const promoted = await get('/api/queues/http-delivery/seen/promote', { method: 'PUT' });
    expect(promoted.statusCode, promoted.payload).toBeLessThan(300);
    expect(await api.runtime.parts.queues.queues.get('http-delivery', 'seen')).toMatchObject({ state: 'prioritized' });
  });

  it.each(['seen-1/clean', 'empty'])('removes as the REST routes do, a parent is told: %s', async (path) => {
    const { queues } = api.runtime.parts.queues;
    const child = { queue: 'http-delivery', data, options: { jobId: 'seen-1' } } as const;
    const root = {
      queue: 'http-delivery',
      data,
      options: { jobId: `root-${path.length}` },
      children: [child],
    } as const;
    await queues.addFlow(root);
    const cleaned = await get(`/api/queues/http-delivery/${path}`, { method: 'PUT' });
    expect(cleaned.statusCode, cleaned.payload).toBeLessThan(300);
    expect(await queues.get('http-delivery', 'seen-1')).toBeUndefined();
    expect(await queues.get('http-delivery', root.options.jobId)).toMatchObject({
      state: 'failed',
      error: { code: 'JOB_CHILD_REMOVED' },
    });
  });

  it.each<[string, InjectOptions]>([
    ['another machine', { remoteAddress: '192.0.2.7' }],
    ['a foreign name for this one', { headers: { host: 'rebound.example.com' } }],
    ['a proxy on this one', { headers: { host: 'localhost', 'x-forwarded-for': '192.0.2.7' } }],
  ])('is not there for %s', async (_who, options) => {
    for (const path of ['/', '/api/queues', '/static/favicon-32x32.png']) {
      const answer = await get(path, options);
      expect(answer.statusCode, path).toBe(404);
      expect(answer.json()).toMatchObject({ code: 'ROUTE_NOT_FOUND' });
    }
  });

  it.each([{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { origin: 'https://evil.example' }])(
    'takes no change from a page of another site: %j',
    async (headers) => {
      const answer = await get('/api/queues/http-delivery/pause', {
        method: 'PUT',
        headers: { host: 'localhost:3000', ...headers },
      });
      expect(answer.statusCode).toBe(403);
      expect(answer.json()).toMatchObject({ code: 'CROSS_SITE_REQUEST' });
      expect(await api.runtime.parts.queues.queues.summary('http-delivery')).toMatchObject({ paused: false });
    },
  );
});

describe('Bull Board with API keys', () => {
  const admin = makeKey('root', 'admin');
  const worker = makeKey('worker', 'jobs:read+jobs:write');
  let api: Api;
  beforeAll(async () => {
    api = await startApi({ env: { HOLDFAST_API_KEYS: `${admin.entry},${worker.entry}` } });
  });
  afterAll(() => api.close());

  const get = (authorization?: string, path = '/api/queues') =>
    api.app.inject({
      url: `${board}${path}`,
      headers: { host: 'localhost', ...(authorization !== undefined && { authorization }) },
    });
  const basic = (password: string): string => `Basic ${Buffer.from(`anybody:${password}`).toString('base64')}`;

  it('is open to those with the scope admin, by bearer or by password', async () => {
    expect((await get(`Bearer ${admin.token}`)).statusCode).toBe(200);
    expect((await get(basic(admin.token))).statusCode).toBe(200);
    expect((await get(basic(admin.token), '/')).statusCode).toBe(200);
  });

  it('asks a browser for the key, also on this machine', async () => {
    for (const path of ['/', '/api/queues', '/static/favicon-32x32.png']) {
      const answer = await get(undefined, path);
      expect(answer.statusCode, path).toBe(401);
      expect(answer.headers['www-authenticate']).toMatch(/^Basic /);
    }
  });

  it('is closed to everybody else', async () => {
    expect((await get(`Bearer ${worker.token}`)).statusCode).toBe(403);
    expect((await get(basic(worker.token))).statusCode).toBe(403);
    for (const wrong of ['Basic !', basic(''), basic('hf_root_wrong'), 'Bearer x', 'Basic ']) {
      expect((await get(wrong)).statusCode, wrong).toBe(401);
    }
  });
});

describe('Bull Board in embedded mode', () => {
  let directory: string;
  let api: Api;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'holdfast-board-'));
    api = await startApi({
      engine: 'memory',
      env: { REDIS_URL: '', HOLDFAST_EMBEDDED: 'true', HOLDFAST_DATA_DIR: directory },
    });
  });
  afterAll(async () => {
    await api.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('shows the queues', async () => {
    await api.runtime.parts.queues.queues.add('http-delivery', {
      data,
      options: { jobId: 'seen', delayMs: 3_600_000 },
    });
    const answer = await api.app.inject({
      url: `${board}/api/queues?activeQueue=http-delivery&status=delayed`,
      headers: { host: '127.0.0.1:3000' },
    });
    expect(answer.statusCode, answer.payload).toBe(200);
    expect(answer.payload).toContain('"seen"');
  });
});

describe.each(['redis', 'embedded'] as const)('Bull Board over a socket, in %s mode', (engine) => {
  const path = `${board}/api/queues`;
  let api: Api;
  let port: number;
  beforeAll(async () => {
    api = await startApi({ engine });
    port = await listen(api);
  });
  afterAll(() => api.close());

  /** U+0000, half of a surrogate pair, and bytes that are no UTF-8 at all. */
  it.each(['%00', 'a%00b', '%ED%A0%80', '%ff', '%', '%2'])('refuses a URL with %s wherever it has it', async (text) => {
    for (const [method, url] of [
      ['GET', `${path}?activeQueue=${text}&status=failed`],
      ['GET', `${path}?activeQueue=http-delivery&status=${text}`],
      ['GET', `${path}/http-delivery/${text}`],
      ['GET', `${path}/http-delivery/${text}/logs`],
      ['GET', `${path}/${text}/x`],
      ['PUT', `${path}/http-delivery/${text}/retry`],
      ['PUT', `${path}/http-delivery/clean/${text}`],
    ] as const) {
      expectProblem(await send(port, requestBytes(method, url)), 400, 'URL_INVALID');
    }
  });

  it.each(['%252', '%2500'])('refuses a queue named %s, which the board decodes twice', async (text) => {
    for (const name of ['activeQueue', 'queueName']) {
      const url = `${board}/api/${name === 'activeQueue' ? 'queues' : 'job-schedulers'}?${name}=${text}`;
      expectProblem(await send(port, requestBytes('GET', url)), 400, 'URL_INVALID');
    }
  });

  it('takes what is encoded as it should be', async () => {
    // As another BullMQ program may name it.
    const { backend: queueBackend } = api.runtime.parts.queues;
    await queueBackend
      .open('http-delivery')
      .call((queue) => queue.add('plain', data, { jobId: '100% sure', delay: 3_600_000 }));
    const { status, body } = await send(port, requestBytes('GET', `${path}/http-delivery/100%25%20sure`));
    expect(status, body).toBe(200);
  });
});
