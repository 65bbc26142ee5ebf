import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, spawnNode, startRedis, uniquePrefix } from '@holdfast/testing';
import type { RedisServer, SpawnedNode } from '@holdfast/testing';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patientProbe, startApi } from './fixture.ts';
import type { Api, ProblemBody } from './fixture.ts';

/** What it acknowledged is on disk: after a restart it holds what was true before the outage. */
const persistent = ['--appendonly', 'yes'];

describe('while Redis is away and fallback is on', () => {
  let redis: RedisServer;
  let api: Api;
  beforeAll(async () => {
    redis = await startRedis({ args: persistent });
    api = await startApi({ redis });
    await eventually(() => expect(api.runtime.parts.cache.caches.isOnFallback).toBe(false));
  });
  afterAll(async () => {
    await api.close();
    await redis.stop();
  });

  const call = (url: string, options: InjectOptions = {}) => api.app.inject({ method: 'GET', url, ...options });
  const put = (key: string, payload: string, query = '') =>
    call(`/v1/cache/prompts/${key}${query}`, { method: 'PUT', payload });
  const get = (key: string) => call(`/v1/cache/prompts/${key}`);
  const untilAway = () => eventually(() => expect(api.runtime.parts.cache.caches.isOnFallback).toBe(true));
  const untilBack = () => eventually(() => expect(api.runtime.parts.cache.caches.isOnFallback).toBe(false));
  /** Reads until L1 holds it: tracking may have to be armed first. */
  const keepInProcess = (key: string) =>
    eventually(async () => expect((await get(key)).headers['cache-status']).toMatch(/; detail=l1$/));

  it('serves what the process held, takes writes and deletions, and says so', async () => {
    await put('held', 'before', '?tags=group');
    await put('removed', 'before');
    await put('unseen', 'before');
    await keepInProcess('held');
    await keepInProcess('removed');
    await redis.kill('SIGKILL');
    await untilAway();

    const held = await get('held');
    expect([held.statusCode, held.payload]).toEqual([200, 'before']);
    expect(held.headers['cache-status']).toMatch(/^holdfast; hit; ttl=\d+; detail=fallback$/);
    const unseen = await get('unseen');
    expect([unseen.statusCode, unseen.headers['cache-status']]).toEqual([404, 'holdfast; fwd=miss; detail=fallback']);

    const marked = 'holdfast; stored; detail=fallback';
    const created = await put('created', 'during');
    expect([created.statusCode, created.headers['cache-status']]).toEqual([201, marked]);
    const replaced = await put('held', 'during');
    expect([replaced.statusCode, replaced.headers['cache-status']]).toEqual([204, marked]);
    expect((await get('held')).payload).toBe('during');
    const removed = await call('/v1/cache/prompts/removed', { method: 'DELETE' });
    expect([removed.statusCode, removed.headers['cache-status']]).toEqual([204, marked]);
    expect((await get('removed')).statusCode).toBe(404);

    const set = await call('/v1/cache/prompts/bulk/set', {
      method: 'POST',
      payload: { items: [{ key: 'bulk', value: 1 }] },
    });
    expect(set.json()).toMatchObject({ successful: 1, failed: 0, fallback: ['bulk'] });
    expect(set.headers['cache-status']).toBe(marked);
    const read = await call('/v1/cache/prompts/bulk/get', { method: 'POST', payload: { keys: ['bulk', 'unseen'] } });
    // Redis may hold what nobody here has read.
    expect(read.json()).toEqual({
      items: [
        { key: 'bulk', found: true, value: 1, ttlMs: expect.any(Number) as number, detail: 'fallback' },
        { key: 'unseen', found: false, detail: 'fallback' },
      ],
    });
    const synced = await call('/v1/cache/prompts/sync', {
      method: 'POST',
      payload: {
        updates: [
          { key: 'synced', value: 1 },
          { key: '..', value: 1 },
        ],
        deletions: ['gone'],
      },
    });
    expect(synced.json()).toMatchObject({ updated: 1, deleted: 1, failed: 1, fallback: ['synced', 'gone'] });
    const cleared = await call('/v1/cache/prompts/bulk/delete', { method: 'POST', payload: { keys: ['synced'] } });
    expect(cleared.json()).toMatchObject({ successful: 1, fallback: ['synced'] });
    expect(cleared.headers['cache-status']).toBe(marked);
    const invalidated = await call('/v1/cache/prompts/invalidate', { method: 'POST', payload: { tags: ['group'] } });
    expect([invalidated.statusCode, invalidated.json()]).toEqual([200, { invalidated: null }]);
  });

  it('says 503 where it cannot know', async () => {
    const createOnly = await call('/v1/cache/prompts/new', {
      method: 'PUT',
      payload: 'x',
      headers: { 'if-none-match': '*' },
    });
    const answers = [
      createOnly,
      await call('/v1/namespaces/prompts/keys'),
      await call('/v1/sources/instances/items/1'),
      await call('/v1/entities/asset/7/invalidate', { method: 'POST' }),
      await call('/api/admin/redis/metrics'),
    ];
    for (const answer of answers) {
      expect(answer.statusCode, answer.payload).toBe(503);
      expect(answer.json<ProblemBody>().code).toBe('REDIS_UNAVAILABLE');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect((await call('/health')).json()).toMatchObject({ status: 'degraded' });
    expect((await call('/api/health/redis')).json()).toMatchObject({ status: 'degraded', connected: false });
  });

  it('never serves what Redis held before, once it is back', async () => {
    await put('held', 'during again');
    await redis.start();
    const seen = new Set<string>();
    await eventually(async () => {
      const answers = await Promise.all(['held', 'removed'].map(get));
      for (const { statusCode, payload } of answers) seen.add(statusCode === 200 ? payload : String(statusCode));
      expect(api.runtime.parts.cache.caches.isOnFallback).toBe(false);
    });
    for (const { statusCode, payload } of await Promise.all(['held', 'removed'].map(get))) {
      seen.add(statusCode === 200 ? payload : String(statusCode));
    }
    expect([...seen].filter((value) => !['during again', '404'].includes(value))).toEqual([]);
    // What nobody touched is there as before.
    expect((await get('unseen')).payload).toBe('before');
    expect((await get('held')).headers['cache-status']).toBe('holdfast; fwd=miss');
    await untilBack();
    expect((await put('held', 'after')).headers['cache-status']).toBeUndefined();
  });
});

describe('a process that is killed while Redis is away', () => {
  const server = new URL('../src/server.ts', import.meta.url);

  it('leaves a journal, which the next one applies before it reads', async () => {
    const redis = await startRedis({ args: persistent });
    const cwd = mkdtempSync(join(tmpdir(), 'holdfast-journal-'));
    const env = { ...patientProbe, PORT: '0', REDIS_URL: redis.url, REDIS_KEY_PREFIX: uniquePrefix('journal') };
    const start = async (): Promise<{ node: SpawnedNode; url: string }> => {
      const node = spawnNode(server, { cwd, execArgs: ['--conditions=@holdfast/source'], env });
      const [, address = ''] = await node.waitForLine(/"address":"([^"]+)".*"ready"/);
      return { node, url: `${address}/v1/cache/prompts/k` };
    };

    const first = await start();
    await eventually(async () =>
      expect((await fetch(first.url, { method: 'PUT', body: 'old' })).headers.get('cache-status')).toBe(null),
    );
    await redis.kill('SIGKILL');
    await eventually(async () => {
      const written = await fetch(first.url, { method: 'PUT', body: 'new' });
      expect(written.headers.get('cache-status')).toBe('holdfast; stored; detail=fallback');
    });
    expect(await first.node.kill('SIGKILL')).toMatchObject({ signal: 'SIGKILL' });

    await redis.start();
    const second = await start();
    await eventually(async () => {
      const answer = await fetch(second.url);
      expect(await answer.text()).not.toBe('old');
      expect(answer.headers.get('cache-status')).toBe('holdfast; fwd=miss');
    });
    await second.node.kill('SIGTERM');
    await redis.stop();
  });

  it('shares its data folder with nobody: another one goes on without it, says why, and takes it up when it is free', async () => {
    const redis = await startRedis();
    const cwd = mkdtempSync(join(tmpdir(), 'holdfast-journal-'));
    const options = {
      cwd,
      execArgs: ['--conditions=@holdfast/source'],
      env: { ...patientProbe, PORT: '0', REDIS_URL: redis.url, REDIS_KEY_PREFIX: uniquePrefix('journal') },
    };
    const first = spawnNode(server, options);
    await first.waitForLine(/"ready"/);
    const second = spawnNode(server, options);
    const [, address = ''] = await second.waitForLine(/"address":"([^"]+)".*"ready"/);
    const outbox = async (): Promise<unknown> =>
      ((await (await fetch(`${address}/health`)).json()) as { outbox: unknown }).outbox;
    const reason = expect.stringMatching(/outbox\.db cannot be used: another process has it open/) as unknown;
    expect(await outbox()).toMatchObject({ accepting: false, reason });
    expect(await first.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await eventually(async () => expect(await outbox()).toMatchObject({ accepting: true }));
    expect(await second.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await redis.stop();
  });
});
