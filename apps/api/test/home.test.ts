import { eventually } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey, startApi, type Api } from './fixture.ts';

const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

async function listen(api: Api): Promise<string> {
  return api.app.listen({ host: '127.0.0.1', port: 0 });
}

/** All that a page names, in links and otherwise. */
function linksOf(page: string): string[] {
  return [...page.matchAll(/(?:href|src|url)\s*[=(]\s*["']?([^"')>\s]+)/g)].map(([, link = '']) => link);
}

describe('the first page', () => {
  let api: Api;
  let url: string;
  beforeAll(async () => {
    api = await startApi();
    url = await listen(api);
  });
  afterAll(() => api.close());

  it('shows a browser the address, the state and where the rest is, and every link leads somewhere', async () => {
    const answer = await fetch(url, { headers: { accept: browser } });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const page = await answer.text();
    expect(page).toContain(`<code>${url}</code>`);
    expect(page).toContain('class="ok">ready');
    const links = linksOf(page);
    expect(links).toEqual(['/docs', '/admin/queues/', '/health', '/metrics', '/openapi.json']);
    for (const link of links) expect((await fetch(`${url}${link}`)).status, link).toBe(200);
  });

  it('loads nothing, from nowhere, and runs nothing', async () => {
    const answer = await fetch(url, { headers: { accept: browser } });
    const page = await answer.text();
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+';/);
    expect(page).not.toMatch(/<(script|link|img|iframe|object|form)|style=|\son\w+=|@import/i);
  });

  it.each([
    ['nothing', undefined],
    ['anything', '*/*'],
    ['JSON', 'application/json'],
    ['JSON rather than HTML', 'text/html;q=0.5, application/json'],
  ])('is JSON for who accepts %s', async (_, accept) => {
    const answer = await fetch(url, accept === undefined ? {} : { headers: { accept } });
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('vary')).toBe('accept');
    expect(await answer.json()).toEqual({
      name: 'Holdfast',
      version: expect.any(String) as unknown,
      status: 'ok',
      docs: '/docs',
      board: '/admin/queues/',
      openapi: '/openapi.json',
      health: '/health',
      ready: '/health/ready',
      metrics: '/metrics',
    });
  });

  it('writes nothing into the page that its caller has made up', async () => {
    const host = '"><script>alert(1)</script>';
    const answer = await api.app.inject({ url: '/', headers: { accept: browser, host } });
    expect(answer.payload).not.toContain('<script');
  });

  it('does not offer the board to whom it is not there for', async () => {
    const answer = await api.app.inject({ url: '/', headers: { accept: browser, host: 'holdfast.example.com' } });
    expect(linksOf(answer.payload)).not.toContain('/admin/queues/');
    expect((await api.app.inject({ url: '/', remoteAddress: '192.0.2.7' })).json()).not.toHaveProperty('board');
  });
});

describe('the first page with API keys', () => {
  it('needs none, says nothing that does, and says what needs one', async () => {
    const admin = makeKey('boss', 'admin');
    const api = await startApi({ env: { HOLDFAST_API_KEYS: admin.entry } });
    try {
      const url = await listen(api);
      const page = await (await fetch(url, { headers: { accept: browser } })).text();
      expect(linksOf(page)).toEqual(['/docs', '/admin/queues/', '/health', '/metrics', '/openapi.json']);
      expect(page).toMatch(/workers; the password is a key with the scope admin/);
      expect(page).toMatch(/depends on; needs a key/);
      // Nothing of what /health has: neither the mode, nor an address of Redis, nor the names of queues.
      expect(page).not.toMatch(/redis|source-sync|embedded/i);
      expect(await (await fetch(url)).text()).not.toMatch(/redis|source-sync|embedded/i);
    } finally {
      await api.close();
    }
  });

  it('tells that it is not ready', async () => {
    const api = await startApi({ env: { REDIS_URL: 'redis://127.0.0.1:1', REDIS_ENABLE_FALLBACK: 'false' } });
    await eventually(() => expect(api.runtime.engines.cache.status.fault).toBe('refused'));
    const page = await api.app.inject({ url: '/', headers: { accept: browser, host: 'localhost' } });
    expect(page.payload).toContain('class="other">not ready (down)');
    await api.close();
  });
});
